from datetime import timedelta

import pytest

from tests.unit.lambda_src import objects
from tests.unit.lambda_src.drift_detector.detector import CREATED, Cloud, png, record

MEAN = "MeanConfidenceDrift"


def test_silence_is_a_value(cloud: Cloud) -> None:
    cloud.run()

    assert cloud.metric("Records") == [0]
    counts = {"Records", "RecordsUnreadable", "RecordsNotCompared", "PicturesNotMeasured"}
    assert cloud.metric_names() == counts


def test_duplicates_count_once_and_the_baselines_own_calls_not_at_all(cloud: Cloud) -> None:
    same = record()
    cloud.put(same, same, record(inference_id="baseline-1"), record(inference_id="mine"))
    cloud.put(same)

    cloud.run()

    assert cloud.metric("Records") == [2]


def test_records_of_an_earlier_model_are_counted_and_not_compared(cloud: Cloud) -> None:
    early = CREATED - timedelta(seconds=1)
    cloud.put_records(60, time=early, output="[0.4, 0.3, 0.3]")

    cloud.run()

    assert cloud.metric("Records") == cloud.metric("RecordsNotCompared") == [60]
    assert MEAN not in cloud.metric_names()


def test_while_the_model_is_replaced_records_are_counted_and_not_compared(cloud: Cloud) -> None:
    cloud.put_records(60)
    cloud.run()
    cloud.serve("model-two")
    cloud.put_records(60, confidence=0.5, picture=png(30))
    cloud.put_records(60, output="[0.4, 0.3, 0.3]")
    cloud.run()

    assert cloud.metric("Records") == [60, 120]
    assert cloud.metric("RecordsNotCompared") == [0, 120]
    assert cloud.metric("RecordsUnreadable") == [0, 0]
    assert len(cloud.metric(MEAN)) == 1

    cloud.change(model_name="model-two")  # its baseline is there
    cloud.put_records(60)
    cloud.run()

    assert cloud.metric("RecordsNotCompared") == [0, 120, 0]
    assert len(cloud.metric(MEAN)) == 2


def test_pictures_that_cannot_be_measured_are_counted(cloud: Cloud) -> None:
    cloud.put(record(picture=b"\xff\xd8\xff JPEG"), record(picture=png(100)), record())

    cloud.run()

    assert cloud.metric("PicturesNotMeasured") == [1]


def test_ordinary_pictures_do_not_drift_and_dark_ones_do(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    for brightness in (100, 30):
        cloud.put(*(record(picture=png(brightness, seed=seed)) for seed in range(100)))
        cloud.run()

    ordinary, dark = cloud.metric("MeanBrightnessDrift")
    assert ordinary < 1 < dark
    levels = {each.levelname for each in caplog.records if "MeanBrightness is " in each.message}
    assert levels == {"INFO", "WARNING"}


def test_drift_needs_enough_pictures_and_new_ones(cloud: Cloud) -> None:
    cloud.put_records(30)
    cloud.run()
    assert MEAN not in cloud.metric_names()

    cloud.put_records(30)
    cloud.run()
    cloud.run()

    assert len(cloud.metric(MEAN)) == 1


def test_another_baseline_begins_another_window(cloud: Cloud) -> None:
    cloud.put_records(60)
    cloud.run()
    objects.put("artifacts", "baselines/two.json", objects.get("artifacts", "baselines/one.json"))
    cloud.change(baseline_key="baselines/two.json")

    cloud.put(record())
    cloud.run()

    assert len(cloud.state()["cursor"]["window"]) == 1
