"""Which files a run reads, and how many of them: each once."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambda_src.drift_detector.baseline import BaselineDamaged
from lambda_src.drift_detector.state import Cursor, StateDamagedError
from tests.unit.lambda_src.drift_detector.detector import NOW, Cloud, record


def test_records_are_counted_once(cloud: Cloud) -> None:
    cloud.put(record(), record())
    cloud.put(record(), packed=True)

    first, second = cloud.run(), cloud.run()

    assert (first["records"], second["records"]) == (3, 0)
    assert cloud.metric("Records") == [3, 0]


def test_silence_is_a_figure(cloud: Cloud) -> None:
    cloud.run()

    assert cloud.metric("Records") == [0]
    assert cloud.metric_names() == {
        "Records",
        "RecordsUnreadable",
        "RecordsNotCompared",
        "PicturesNotMeasured",
    }


def test_a_late_file_in_the_folder_of_an_earlier_hour_is_read(cloud: Cloud) -> None:
    cloud.put(record())
    cloud.run()

    cloud.put(record(), hour=NOW - timedelta(hours=30))

    assert cloud.run()["records"] == 1


def test_files_far_back_are_not_listed(cloud: Cloud) -> None:
    cloud.put(record(), hour=NOW - timedelta(days=32))

    assert cloud.run()["files"] == 0


def test_after_a_long_pause_the_listing_begins_where_it_ended(cloud: Cloud) -> None:
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


def test_all_pages_of_a_listing_are_read(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_a_file_that_shows_late_is_read_and_none_twice(cloud: Cloud) -> None:
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
    cloud: Cloud, uploaded_minutes_ago: int
) -> None:
    file = cloud.handler.CaptureFile
    earlier = file(NOW - timedelta(minutes=uploaded_minutes_ago), "earlier")
    later = file(NOW, "later")

    cursor = Cursor().after([earlier]).after([later])

    assert not cursor.is_new(earlier) and not cursor.is_new(later)
    assert (earlier in cursor.done) == (uploaded_minutes_ago <= 15)
    assert cursor.is_new(file(NOW - timedelta(minutes=5), "not seen yet"))


# --- Bounds -----------------------------------------------------------------------------------


def test_a_run_that_is_short_of_time_leaves_files_to_the_next(cloud: Cloud) -> None:
    for _ in range(3):
        cloud.put(record())

    result = cloud.run(*[900_000] * 6, 59_000)

    assert result == {"records": 2, "files": 2, "files_left": 1}
    assert cloud.run()["records"] == 1
    assert cloud.metric("Records") == [2, 1]


def test_a_file_that_no_run_can_finish_is_counted_and_passed(cloud: Cloud) -> None:
    cloud.put(record(), b"x\n" * 10_000, record(), packed=True)
    cloud.put(record())

    assert cloud.run(*[900_000] * 9, 29_000) == {"records": 1, "files": 1, "files_left": 1}
    assert cloud.run() == {"records": 1, "files": 1, "files_left": 0}
    first, second = cloud.metric("RecordsUnreadable")
    assert 1 < first < 10_000  # the lines up to there, and one for the rest
    assert second == 0


def test_many_records_are_several_batches_of_a_run(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloud.handler, "MAX_RECORDS", 2)
    for _ in range(5):
        cloud.put(record())

    assert cloud.run()["records"] == 5

    assert cloud.metric("Records") == [1, 2, 2]  # each in the last minute that was free
    present = datetime.now(UTC)
    assert all(datetime.fromisoformat(each) <= present for each in cloud.state()["minutes"])


def test_records_that_cannot_be_read_are_counted_and_passed(cloud: Cloud) -> None:
    deep = record(output="[" * 3000 + "]" * 3000)
    huge = record(output=f"[{'1' * 400}]")
    cloud.put(record(), deep, huge, b"[" * 100_000, record())
    cloud.put(record(), packed=True)

    assert cloud.run()["records"] == 3
    assert cloud.run()["files"] == 0

    assert cloud.metric("RecordsUnreadable") == [3, 0]


def test_an_archived_file_is_counted_and_passed(cloud: Cloud) -> None:
    archived = cloud.put(record())
    cloud.s3.copy_object(
        Bucket="captures",
        Key=archived,
        CopySource=f"captures/{archived}",
        StorageClass="GLACIER",
    )
    cloud.put(record())

    assert cloud.run()["records"] == 1

    assert cloud.metric("RecordsUnreadable") == [1]


def test_a_log_of_a_record_is_text_that_can_be_written(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    # Lambda's log handler raises what it cannot encode.
    capture = record(picture=b"no picture")
    capture["eventMetadata"]["eventId"] = "\ud800"
    late = record()
    late["eventMetadata"]["inferenceTime"] = "\ud800"
    cloud.put(capture, late)

    cloud.run()

    assert r"not measured: event '\ud800'" in caplog.text
    assert "not readable" in caplog.text
    assert caplog.text.encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x1f\x8b",
        b"[" * 100_000,
        b"[]",
        b"{}",
        b'{"cursor": {"uploaded": 5}, "minutes": [], "pending": null}',
    ],
)
def test_a_damaged_state_or_baseline_is_named_with_the_remedy(cloud: Cloud, content: bytes) -> None:
    cloud.s3.put_object(Bucket="artifacts", Key="drift/state.json", Body=content)
    with pytest.raises(
        StateDamagedError, match=r"^s3://artifacts/drift/state.json is damaged: .*; remove it, and"
    ):
        cloud.run()

    cloud.s3.put_object(Bucket="artifacts", Key="baselines/one.json", Body=content)
    with pytest.raises(
        BaselineDamaged, match=r"^s3://artifacts/baselines/one.json is no baseline: .*; stage the"
    ):
        cloud.run()


@pytest.mark.parametrize(
    "changed",
    [
        {"uploaded": "2024-10-15T14:05:12"},
        {"uploaded": "0001-01-01T00:00:00+00:00"},
        {"done": [["2024-10-15T14:05:12+00:00", ["a.jsonl"]]]},
        {"window": [["0.9", 0]]},
        {"window": [[10**400, 0]]},
        {"window": [[0.9, "bicycle"]]},
        {"window": [[0.9, 0, 1, 2, 3, 4]]},
    ],
    ids=lambda changed: str(changed)[:40],
)
def test_a_state_that_no_run_has_written_is_named(cloud: Cloud, changed: dict[str, Any]) -> None:
    cloud.put(record())
    cloud.run()
    state = cloud.state()
    body = json.dumps({**state, "cursor": {**state["cursor"], **changed}}).encode()
    cloud.s3.put_object(Bucket="artifacts", Key="drift/state.json", Body=body)

    with pytest.raises(StateDamagedError, match="remove it, and"):
        cloud.run()


@pytest.mark.parametrize(
    "changed",
    [
        {"class_counts": [100]},
        {"count": 1},
        {"class_counts": [-1, 61]},
        {"accuracy": 2},
        {"class_design": {"mean": -1, "mean_square": 0}},
        {"class_design": {"mean": 0, "mean_square": 1e99}},
        {"quantities": {}},
        {"quantities": {"confidence": {"count": 1, "mean": 0.9, "deviation": 0.1}}},
        {"quantities": {"confidence": {"count": 200, "mean": 0.9, "deviation": -1}}},
    ],
    ids=str,
)
def test_a_baseline_whose_figures_do_not_hold_together_is_named(
    cloud: Cloud, changed: dict[str, Any]
) -> None:
    key = "baselines/one.json"
    stored = json.load(cloud.s3.get_object(Bucket="artifacts", Key=key)["Body"])
    stored["baseline"] |= changed
    cloud.s3.put_object(Bucket="artifacts", Key=key, Body=json.dumps(stored).encode())

    with pytest.raises(BaselineDamaged, match="is no baseline: .*; stage the"):
        cloud.run()
