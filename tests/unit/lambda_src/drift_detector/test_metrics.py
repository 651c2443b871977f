"""The metrics of a run: counts of records, and drift."""

from datetime import timedelta
from typing import Any

import pytest

from lambda_src.drift_detector.state import Cursor
from tests.unit.lambda_src.drift_detector.conftest import MakeRecord, png
from tests.unit.lambda_src.drift_detector.detector import CREATED, NOW, PREFIX, Cloud


def test_what_is_unreadable_is_counted_and_passed(cloud: Cloud, record: MakeRecord) -> None:
    cloud.put(record(), b'{"cut', b"\xff", record(output="[0.2, 0.3, 0.5]"))
    cloud.s3.put_object(
        Bucket="captures", Key=f"{PREFIX}{NOW:%Y/%m/%d/%H}/x.jsonl", Body=b"\x1f\x8b no gzip"
    )

    assert cloud.run()["files_left"] == 0

    assert (cloud.figures("Records"), cloud.figures("RecordsUnreadable")) == ([1], [4])
    assert cloud.run()["files"] == 0


def test_a_file_that_expired_meanwhile_is_counted_and_passed(
    cloud: Cloud, record: MakeRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = cloud.put(record())
    new_files = Cursor.new_files

    def list_and_expire(*arguments: Any, **request: Any) -> Any:
        files = new_files(*arguments, **request)
        cloud.s3.delete_object(Bucket="captures", Key=key)
        return files

    monkeypatch.setattr(Cursor, "new_files", list_and_expire)
    cloud.run()

    assert cloud.figures("RecordsUnreadable") == [1]


def test_duplicates_count_once_and_the_baselines_own_calls_not_at_all(
    cloud: Cloud, record: MakeRecord
) -> None:
    same = record()
    cloud.put(same, same, record(inference_id="baseline-1"), record(inference_id="mine"))
    cloud.put(same)

    cloud.run()

    assert cloud.figures("Records") == [2]


def test_records_of_an_earlier_model_are_counted_and_not_compared(
    cloud: Cloud, record: MakeRecord
) -> None:
    early = CREATED - timedelta(seconds=1)
    cloud.put(*(record(time=early, output="[0.4, 0.3, 0.3]") for _ in range(60)))

    cloud.run()

    assert cloud.figures("Records") == cloud.figures("RecordsNotCompared") == [60]
    assert "MeanConfidenceDrift" not in cloud.metrics()


def test_while_the_model_is_replaced_records_are_counted_and_not_compared(
    cloud: Cloud, record: MakeRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.put(*(record() for _ in range(60)))
    cloud.run()
    cloud.serve("model-two")
    cloud.put(*(record(confidence=0.5, picture=png(30)) for _ in range(60)))
    cloud.put(*(record(output="[0.4, 0.3, 0.3]") for _ in range(60)))
    cloud.run()

    assert cloud.figures("Records") == [60, 120]
    assert cloud.figures("RecordsNotCompared") == [0, 120]
    assert cloud.figures("RecordsUnreadable") == [0, 0]
    assert len(cloud.figures("MeanConfidenceDrift")) == 1

    cloud.change(model_name="model-two")  # its baseline is there
    cloud.put(*(record() for _ in range(60)))
    cloud.run()

    assert cloud.figures("RecordsNotCompared") == [0, 120, 0]
    assert len(cloud.figures("MeanConfidenceDrift")) == 2


def test_pictures_that_cannot_be_measured_are_counted(cloud: Cloud, record: MakeRecord) -> None:
    cloud.put(record(picture=b"\xff\xd8\xff JPEG"), record(picture=png(100)), record())

    cloud.run()

    assert cloud.figures("PicturesNotMeasured") == [1]


def test_ordinary_pictures_do_not_drift_and_dark_ones_do(
    cloud: Cloud, record: MakeRecord, caplog: pytest.LogCaptureFixture
) -> None:
    cloud.put(*(record(confidence=0.97, picture=png(100, seed=n)) for n in range(100)))
    cloud.run()
    cloud.put(*(record(confidence=0.97, picture=png(30, seed=n)) for n in range(100)))
    cloud.run()

    ordinary, dark = cloud.figures("MeanBrightnessDrift")
    assert ordinary < 1 < dark
    assert "MeanBrightness is " in caplog.text


def test_few_pictures_have_no_figures_of_drift_until_there_are_more(
    cloud: Cloud, record: MakeRecord
) -> None:
    cloud.put(*(record() for _ in range(30)))
    cloud.run()
    assert "MeanConfidenceDrift" not in cloud.metrics()

    cloud.put(*(record() for _ in range(30)))
    cloud.run()

    assert len(cloud.figures("MeanConfidenceDrift")) == 1


def test_without_new_records_nothing_is_said_of_drift(cloud: Cloud, record: MakeRecord) -> None:
    cloud.put(*(record() for _ in range(60)))

    cloud.run()
    cloud.run()

    assert len(cloud.figures("MeanConfidenceDrift")) == 1


def test_another_baseline_begins_another_window(
    cloud: Cloud, record: MakeRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.put(*(record() for _ in range(60)))
    cloud.run()
    body = cloud.s3.get_object(Bucket="artifacts", Key="baselines/one.json")["Body"].read()
    cloud.s3.put_object(Bucket="artifacts", Key="baselines/two.json", Body=body)
    cloud.change(baseline_key="baselines/two.json")

    cloud.put(record())
    cloud.run()

    assert len(cloud.state()["cursor"]["window"]) == 1
