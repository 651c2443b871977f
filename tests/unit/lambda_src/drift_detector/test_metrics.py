"""The metrics of a run: counts of records, and drift."""

from datetime import timedelta
from typing import Any

import pytest

from lambda_src.drift_detector.state import Cursor
from tests.unit.lambda_src.drift_detector.detector import CREATED, NOW, PREFIX, Cloud, png, record


def test_what_is_unreadable_is_counted_and_passed(cloud: Cloud) -> None:
    cloud.put(record(), b'{"cut', b"\xff", record(output="[0.2, 0.3, 0.5]"))
    cloud.s3.put_object(
        Bucket="captures", Key=f"{PREFIX}{NOW:%Y/%m/%d/%H}/x.jsonl", Body=b"\x1f\x8b no gzip"
    )

    assert cloud.run()["files_left"] == 0

    assert (cloud.metric("Records"), cloud.metric("RecordsUnreadable")) == ([1], [4])
    assert cloud.run()["files"] == 0


def test_a_file_that_expired_meanwhile_is_counted_and_passed(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = cloud.put(record())
    new_files = Cursor.new_files

    def list_and_expire(*arguments: Any, **request: Any) -> Any:
        files = new_files(*arguments, **request)
        cloud.s3.delete_object(Bucket="captures", Key=key)
        return files

    monkeypatch.setattr(Cursor, "new_files", list_and_expire)
    cloud.run()

    assert cloud.metric("RecordsUnreadable") == [1]


def test_duplicates_count_once_and_the_baselines_own_calls_not_at_all(cloud: Cloud) -> None:
    same = record()
    cloud.put(same, same, record(inference_id="baseline-1"), record(inference_id="mine"))
    cloud.put(same)

    cloud.run()

    assert cloud.metric("Records") == [2]


def test_records_of_an_earlier_model_are_counted_and_not_compared(cloud: Cloud) -> None:
    early = CREATED - timedelta(seconds=1)
    cloud.put(*(record(time=early, output="[0.4, 0.3, 0.3]") for _ in range(60)))

    cloud.run()

    assert cloud.metric("Records") == cloud.metric("RecordsNotCompared") == [60]
    assert "MeanConfidenceDrift" not in cloud.metric_names()


def test_while_the_model_is_replaced_records_are_counted_and_not_compared(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.put(*(record() for _ in range(60)))
    cloud.run()
    cloud.serve("model-two")
    cloud.put(*(record(confidence=0.5, picture=png(30)) for _ in range(60)))
    cloud.put(*(record(output="[0.4, 0.3, 0.3]") for _ in range(60)))
    cloud.run()

    assert cloud.metric("Records") == [60, 120]
    assert cloud.metric("RecordsNotCompared") == [0, 120]
    assert cloud.metric("RecordsUnreadable") == [0, 0]
    assert len(cloud.metric("MeanConfidenceDrift")) == 1

    cloud.change(model_name="model-two")  # its baseline is there
    cloud.put(*(record() for _ in range(60)))
    cloud.run()

    assert cloud.metric("RecordsNotCompared") == [0, 120, 0]
    assert len(cloud.metric("MeanConfidenceDrift")) == 2


def test_pictures_that_cannot_be_measured_are_counted(cloud: Cloud) -> None:
    cloud.put(record(picture=b"\xff\xd8\xff JPEG"), record(picture=png(100)), record())

    cloud.run()

    assert cloud.metric("PicturesNotMeasured") == [1]


def test_ordinary_pictures_do_not_drift_and_dark_ones_do(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    cloud.put(*(record(confidence=0.97, picture=png(100, seed=n)) for n in range(100)))
    cloud.run()
    cloud.put(*(record(confidence=0.97, picture=png(30, seed=n)) for n in range(100)))
    cloud.run()

    ordinary, dark = cloud.metric("MeanBrightnessDrift")
    assert ordinary < 1 < dark
    assert "MeanBrightness is " in caplog.text


def test_few_pictures_have_no_figures_of_drift_until_there_are_more(cloud: Cloud) -> None:
    cloud.put(*(record() for _ in range(30)))
    cloud.run()
    assert "MeanConfidenceDrift" not in cloud.metric_names()

    cloud.put(*(record() for _ in range(30)))
    cloud.run()

    assert len(cloud.metric("MeanConfidenceDrift")) == 1


def test_without_new_records_nothing_is_said_of_drift(cloud: Cloud) -> None:
    cloud.put(*(record() for _ in range(60)))

    cloud.run()
    cloud.run()

    assert len(cloud.metric("MeanConfidenceDrift")) == 1


def test_another_baseline_begins_another_window(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.put(*(record() for _ in range(60)))
    cloud.run()
    body = cloud.s3.get_object(Bucket="artifacts", Key="baselines/one.json")["Body"].read()
    cloud.s3.put_object(Bucket="artifacts", Key="baselines/two.json", Body=body)
    cloud.change(baseline_key="baselines/two.json")

    cloud.put(record())
    cloud.run()

    assert len(cloud.state()["cursor"]["window"]) == 1
