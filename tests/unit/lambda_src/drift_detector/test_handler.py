"""Every record is counted once, whatever happens between a run and the next."""

import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import boto3
import pytest
from moto import mock_aws

from lambda_src.drift_detector.baseline import Baseline, Observation
from lambda_src.drift_detector.stored_baseline import StoredBaseline
from tests.unit.lambda_src.conftest import ImportHandler
from tests.unit.lambda_src.drift_detector.conftest import MakeRecord, png

PREFIX = "captures/scones-dev/AllTraffic/"
NOW = datetime.now(UTC).replace(microsecond=0)
MINUTE = timedelta(minutes=1)
CREATED = NOW - timedelta(hours=1)
ENVIRONMENT = {
    "CAPTURE_BUCKET": "captures",
    "CAPTURE_PREFIX": PREFIX,
    "STATE_BUCKET": "artifacts",
    "STATE_KEY": "drift/state.json",
    "BASELINE_KEY": "baselines/one.json",
    "CONFIDENCE_THRESHOLD": "0.93",
    "METRIC_NAMESPACE": "Scones/dev",
    "ENDPOINT_NAME": "scones-dev",
}


class Killed(BaseException):
    """The process ends here."""


class Context:
    """Lambda's, with so many milliseconds left at each look, the last ones forever."""

    def __init__(self, *left: int) -> None:
        self.left = list(left or [900_000])

    def get_remaining_time_in_millis(self) -> int:
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]


class Cloud:
    """The handler, and what is around it."""

    def __init__(self, handler: ModuleType, patch: pytest.MonkeyPatch) -> None:
        self.handler = handler
        self.patch = patch
        self.s3 = boto3.client("s3")
        self.cloudwatch = boto3.client("cloudwatch")
        self.slept: list[float] = []
        self.late = timedelta()
        self.files = 0
        patch.setattr(handler.time, "sleep", self.sleep)
        patch.setattr(handler, "_now", lambda: datetime.now(UTC) + self.late)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.late += timedelta(seconds=seconds)

    def put(
        self, *records: dict[str, Any] | bytes, hour: datetime = NOW, packed: bool = False
    ) -> str:
        lines = (each if isinstance(each, bytes) else json.dumps(each).encode() for each in records)
        content = b"\n".join(lines)
        self.files += 1
        key = f"{PREFIX}{hour:%Y/%m/%d/%H}/{self.files:05d}.jsonl"
        body = gzip.compress(content) if packed else content
        self.s3.put_object(Bucket="captures", Key=key, Body=body)
        return key

    def run(self, *left: int) -> dict[str, Any]:
        result: dict[str, Any] = self.handler.lambda_handler({}, Context(*left))
        self.late += MINUTE
        return result

    def figures(self, name: str) -> list[float]:
        """Sums by minute; no minute has two values."""
        found = self.cloudwatch.get_metric_statistics(
            Namespace="Scones/dev",
            MetricName=name,
            Dimensions=[{"Name": "EndpointName", "Value": "scones-dev"}],
            StartTime=NOW - timedelta(days=1),
            EndTime=NOW + timedelta(days=1),
            Period=60,
            Statistics=["Sum", "SampleCount"],
        )["Datapoints"]
        assert all(point["SampleCount"] == 1 for point in found)
        return [point["Sum"] for point in sorted(found, key=lambda point: point["Timestamp"])]

    def metrics(self) -> set[str]:
        found = self.cloudwatch.list_metrics(Namespace="Scones/dev")["Metrics"]
        return {each["MetricName"] for each in found}

    def state(self) -> dict[str, Any]:
        body = self.s3.get_object(Bucket="artifacts", Key="drift/state.json")["Body"]
        state: dict[str, Any] = json.load(body)
        return state


def make_baseline(brightness: float = 100) -> Baseline:
    return Baseline.of(
        [
            Observation(0.95 + 0.0002 * number, number % 2, brightness + number % 9, 11, 1)
            for number in range(200)
        ],
        class_count=2,
    )


@pytest.fixture
def cloud(import_handler: ImportHandler, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    with mock_aws():
        handler = import_handler("drift_detector", **ENVIRONMENT)
        s3 = boto3.client("s3")
        for bucket in ("captures", "artifacts"):
            s3.create_bucket(Bucket=bucket)
        StoredBaseline(
            created=CREATED,
            model_data_url="s3://artifacts/models/model.tar.gz",
            dataset="datasets/one",
            classes=("bicycle", "motorcycle"),
            baseline=make_baseline(),
        ).save(s3, bucket="artifacts", key="baselines/one.json")
        yield Cloud(handler, monkeypatch)


def test_records_are_counted_once(cloud: Cloud, record: MakeRecord) -> None:
    cloud.put(record(), record())
    cloud.put(record(), packed=True)

    first, second = cloud.run(), cloud.run()

    assert (first["records"], second["records"]) == (3, 0)
    assert cloud.figures("Records") == [3, 0]


def test_silence_is_a_figure(cloud: Cloud) -> None:
    cloud.run()

    assert cloud.figures("Records") == [0]
    assert cloud.metrics() == {"Records", "RecordsUnreadable", "PicturesNotMeasured"}


def test_a_late_file_in_the_folder_of_an_earlier_hour_is_read(
    cloud: Cloud, record: MakeRecord
) -> None:
    cloud.put(record())
    cloud.run()

    cloud.put(record(), hour=NOW - timedelta(hours=30))

    assert cloud.run()["records"] == 1


def test_files_far_back_are_not_listed(cloud: Cloud, record: MakeRecord) -> None:
    cloud.put(record(), hour=NOW - timedelta(days=32))

    assert cloud.run()["files"] == 0


def test_after_a_long_pause_the_listing_begins_where_it_ended(
    cloud: Cloud, record: MakeRecord
) -> None:
    cloud.put(record())
    cloud.run()
    cloud.put(record(), hour=NOW + timedelta(hours=1))

    cloud.late = timedelta(days=10)

    assert cloud.run()["records"] == 1


def test_another_variant_of_the_folders_is_not_read(cloud: Cloud) -> None:
    cloud.s3.put_object(
        Bucket="captures", Key=f"captures/other/AllTraffic/{NOW:%Y/%m/%d/%H}/1.jsonl", Body=b"{}"
    )

    assert cloud.run()["files"] == 0


def test_all_pages_of_a_listing_are_read(
    cloud: Cloud, record: MakeRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(7):
        cloud.put(record())
    paginator = cloud.handler.s3.get_paginator("list_objects_v2")
    paginate = paginator.paginate
    monkeypatch.setattr(
        paginator,
        "paginate",
        lambda **request: paginate(**request, PaginationConfig={"PageSize": 2}),
    )
    monkeypatch.setattr(cloud.handler.s3, "get_paginator", lambda _: paginator)

    assert cloud.run()["records"] == 7


def test_a_file_that_shows_late_is_read_and_none_twice(cloud: Cloud, record: MakeRecord) -> None:
    # S3 dates an object by the beginning of its upload.
    hidden = cloud.put(record())
    body = cloud.s3.get_object(Bucket="captures", Key=hidden)["Body"].read()
    cloud.s3.delete_object(Bucket="captures", Key=hidden)
    cloud.put(record())
    cloud.run()

    cloud.s3.put_object(Bucket="captures", Key=hidden, Body=body)

    assert cloud.run()["records"] == 1
    assert cloud.run()["records"] == 0


@pytest.mark.parametrize("uploaded_minutes_ago", [0, 10, 300])
def test_the_state_keeps_only_the_files_of_the_overlap(
    cloud: Cloud, record: MakeRecord, uploaded_minutes_ago: int
) -> None:
    file = cloud.handler.CaptureFile
    earlier = file(NOW - timedelta(minutes=uploaded_minutes_ago), "earlier")
    later = file(NOW, "later")

    cursor = cloud.handler.Cursor().after([earlier]).after([later])

    assert not cursor.is_new(earlier) and not cursor.is_new(later)
    assert (earlier in cursor.done) == (uploaded_minutes_ago <= 15)
    assert cursor.is_new(file(NOW - timedelta(minutes=5), "not seen yet"))


# --- Killed -----------------------------------------------------------------------------------

Kill = Callable[[Cloud], None]


def before_nth_save(number: int) -> Kill:
    def kill(cloud: Cloud) -> None:
        put, saves = cloud.handler.s3.put_object, Counter[str]()

        def dying(**request: Any) -> Any:
            saves["all"] += 1
            if saves["all"] == number:
                raise Killed
            return put(**request)

        cloud.patch.setattr(cloud.handler.s3, "put_object", dying)

    return kill


def after_nth_save(number: int) -> Kill:
    def kill(cloud: Cloud) -> None:
        put, saves = cloud.handler.s3.put_object, Counter[str]()

        def dying(**request: Any) -> Any:
            written = put(**request)
            saves["all"] += 1
            if saves["all"] == number:
                raise Killed
            return written

        cloud.patch.setattr(cloud.handler.s3, "put_object", dying)

    return kill


def before_publishing(cloud: Cloud) -> None:
    def dying(**_: Any) -> None:
        raise Killed

    cloud.patch.setattr(cloud.handler.metrics.cloudwatch, "put_metric_data", dying)


def after_publishing(cloud: Cloud) -> None:
    put = cloud.handler.metrics.cloudwatch.put_metric_data

    def dying(**request: Any) -> None:
        put(**request)
        raise Killed

    cloud.patch.setattr(cloud.handler.metrics.cloudwatch, "put_metric_data", dying)


def while_reading(cloud: Cloud) -> None:
    def dying(*_: Any) -> None:
        raise Killed

    cloud.patch.setattr(cloud.handler.Batch, "add_file", dying)


KILLS = [
    while_reading,
    before_nth_save(1),
    after_nth_save(1),
    before_publishing,
    after_publishing,
    before_nth_save(2),
    after_nth_save(2),
]


@pytest.mark.parametrize("again", [None, before_publishing, after_publishing, after_nth_save(1)])
@pytest.mark.parametrize("kill", KILLS)
def test_a_killed_run_neither_loses_nor_doubles(
    cloud: Cloud, record: MakeRecord, kill: Kill, again: Kill | None
) -> None:
    cloud.put(record())
    cloud.run()
    cloud.put(record(), record())
    patch = cloud.patch
    for each in filter(None, (kill, again)):
        with pytest.MonkeyPatch.context() as cloud.patch:
            each(cloud)
            with pytest.raises(Killed):
                cloud.run()
    cloud.patch = patch
    cloud.put(record(), record(), record())

    cloud.run()
    cloud.run()

    assert sum(cloud.figures("Records")) == 6
    assert cloud.state()["pending"] is None


def test_a_young_pending_batch_is_given_time(cloud: Cloud, record: MakeRecord) -> None:
    cloud.put(record())
    with pytest.MonkeyPatch.context() as cloud.patch:
        before_publishing(cloud)
        with pytest.raises(Killed):
            cloud.run()

    cloud.run()

    (slept,) = cloud.slept
    assert 40 < slept <= 45


def test_an_old_pending_batch_is_sent_at_once_and_under_the_present(
    cloud: Cloud, record: MakeRecord
) -> None:
    cloud.put(record())
    with pytest.MonkeyPatch.context() as cloud.patch:
        before_publishing(cloud)
        with pytest.raises(Killed):
            cloud.run()

    cloud.late = timedelta(hours=1)
    cloud.run()

    assert cloud.slept == []
    # Late by an hour, CloudWatch would show the figures to no alarm.
    assert datetime.fromisoformat(cloud.state()["minutes"][-1]) > NOW + timedelta(minutes=58)


def test_a_slow_run_leaves_its_batch_to_the_next(cloud: Cloud, record: MakeRecord) -> None:
    cloud.put(record())
    put = cloud.handler.s3.put_object

    def slow(**request: Any) -> Any:
        cloud.late += timedelta(seconds=40)
        return put(**request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cloud.handler.s3, "put_object", slow)
        with pytest.raises(TimeoutError, match="the next run sends it"):
            cloud.run()

    cloud.run()

    assert sorted(cloud.figures("Records")) == [0, 1]


@pytest.mark.parametrize("kill", [None, before_publishing, after_publishing])
def test_of_two_runs_at_a_time_one_counts(
    cloud: Cloud, record: MakeRecord, kill: Kill | None
) -> None:
    cloud.put(record())
    if kill:
        with pytest.MonkeyPatch.context() as cloud.patch:
            kill(cloud)
            with pytest.raises(Killed):
                cloud.run()
    load = cloud.handler.store.load
    with pytest.MonkeyPatch.context() as patch:

        def load_and_be_overtaken() -> Any:
            stale = load()
            patch.setattr(cloud.handler.store, "load", load)
            cloud.late += timedelta(minutes=1)
            cloud.run()
            return stale

        patch.setattr(cloud.handler.store, "load", load_and_be_overtaken)
        result = cloud.run()

    assert "overtaken" in result
    assert sum(cloud.figures("Records")) == 1


# --- What is counted --------------------------------------------------------------------------


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
    new_files = cloud.handler.Cursor.new_files

    def list_and_expire(*arguments: Any, **request: Any) -> Any:
        files = new_files(*arguments, **request)
        cloud.s3.delete_object(Bucket="captures", Key=key)
        return files

    monkeypatch.setattr(cloud.handler.Cursor, "new_files", list_and_expire)
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

    assert cloud.figures("Records") == [60]
    assert "MeanConfidence" not in cloud.metrics()


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
    assert "MeanConfidence" not in cloud.metrics()

    cloud.put(*(record() for _ in range(30)))
    cloud.run()

    assert len(cloud.figures("MeanConfidence")) == 1


def test_without_new_records_nothing_is_said_of_drift(cloud: Cloud, record: MakeRecord) -> None:
    cloud.put(*(record() for _ in range(60)))

    cloud.run()
    cloud.run()

    assert len(cloud.figures("MeanConfidence")) == 1


def test_another_baseline_begins_another_window(
    cloud: Cloud, record: MakeRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.put(*(record() for _ in range(60)))
    cloud.run()
    body = cloud.s3.get_object(Bucket="artifacts", Key="baselines/one.json")["Body"].read()
    cloud.s3.put_object(Bucket="artifacts", Key="baselines/two.json", Body=body)
    monkeypatch.setattr(cloud.handler, "BASELINE_KEY", "baselines/two.json")

    cloud.put(record())
    cloud.run()

    assert len(cloud.state()["cursor"]["window"]) == 1


# --- Bounds -----------------------------------------------------------------------------------


def test_a_run_that_is_short_of_time_leaves_files_to_the_next(
    cloud: Cloud, record: MakeRecord
) -> None:
    for _ in range(3):
        cloud.put(record())

    result = cloud.run(900_000, 900_000, 59_000)

    assert result == {"records": 2, "files": 2, "files_left": 1}
    assert cloud.run()["records"] == 1
    assert cloud.figures("Records") == [2, 1]


def test_many_records_are_several_batches_of_a_run(
    cloud: Cloud, record: MakeRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloud.handler, "MAX_RECORDS", 2)
    for _ in range(5):
        cloud.put(record())

    assert cloud.run()["records"] == 5

    assert cloud.figures("Records") == [1, 2, 2]  # each in the last minute that was free
    present = datetime.now(UTC)
    assert all(datetime.fromisoformat(each) <= present for each in cloud.state()["minutes"])
