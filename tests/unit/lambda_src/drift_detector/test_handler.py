import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambda_src.drift_detector.baseline import BaselineDamaged
from lambda_src.drift_detector.state import CaptureFile, Cursor, StateDamagedError
from tests.unit.lambda_src import objects
from tests.unit.lambda_src.drift_detector.detector import NOW, PREFIX, Cloud, record

ENOUGH = 900_000
STATE, BASELINE = "drift/state.json", "baselines/one.json"


def test_records_are_counted_once(cloud: Cloud) -> None:
    cloud.put(record(), record())
    cloud.put(record(), packed=True)

    first, second = cloud.run(), cloud.run()

    assert (first["records"], second["records"]) == (3, 0)
    assert cloud.metric("Records") == [3, 0]


@pytest.mark.parametrize(
    ("hour", "late", "records"),
    [
        (NOW - timedelta(hours=30), timedelta(), 1),  # a late file of an earlier hour
        (NOW - timedelta(days=32), timedelta(), 0),
        (NOW + timedelta(hours=1), timedelta(days=40), 1),  # after a long pause
    ],
)
def test_a_listing_looks_back_a_month_from_the_latest_file(
    cloud: Cloud, hour: datetime, late: timedelta, records: int
) -> None:
    cloud.put(record())
    cloud.run()
    cloud.put(record(), hour=hour)

    cloud.late += late

    assert cloud.run()["records"] == records


def test_all_pages_of_a_listing_are_read_and_no_folder_of_another_endpoint(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "2")
    objects.put("captures", f"captures/other/AllTraffic/{NOW:%Y/%m/%d/%H}/1.jsonl", "{}")
    for _ in range(7):
        cloud.put(record())

    assert cloud.run() == {"records": 7, "files": 7, "files_left": 0}


def test_a_file_that_shows_late_is_read_and_none_twice(cloud: Cloud) -> None:
    # S3 dates an object by the beginning of its upload.
    hidden = cloud.put(record())
    body = objects.get("captures", hidden)
    cloud.s3.delete_object(Bucket="captures", Key=hidden)
    cloud.put(record())
    cloud.run()

    objects.put("captures", hidden, body)

    assert [cloud.run()["records"] for _ in range(2)] == [1, 0]


@pytest.mark.parametrize("minutes", [0, 10, 300])
def test_the_state_keeps_only_the_files_of_the_overlap(minutes: int) -> None:
    earlier, later = CaptureFile(NOW - timedelta(minutes=minutes), "a"), CaptureFile(NOW, "b")

    cursor = Cursor().after([earlier]).after([later])

    assert not cursor.is_new(earlier) and not cursor.is_new(later)
    assert (earlier in cursor.done) == (minutes <= 15)
    assert cursor.is_new(CaptureFile(NOW - timedelta(minutes=5), "not seen yet"))


# --- bounds --------------------------------------------------------------------------------------


def test_a_run_that_is_short_of_time_leaves_files_to_the_next(cloud: Cloud) -> None:
    for _ in range(3):
        cloud.put(record())

    result = cloud.run(*[ENOUGH] * 6, 59_000)

    assert result == {"records": 2, "files": 2, "files_left": 1}
    assert cloud.run()["records"] == 1
    assert cloud.metric("Records") == [2, 1]


def test_a_file_that_no_run_can_finish_is_counted_and_passed(cloud: Cloud) -> None:
    cloud.put(record(), b"x\n" * 10_000, record(), packed=True)
    cloud.put(record())

    assert cloud.run(*[ENOUGH] * 9, 29_000) == {"records": 1, "files": 1, "files_left": 1}
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


def test_what_cannot_be_read_is_counted_and_passed(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = record(output="[" * 3000 + "]" * 3000)
    huge = record(output=f"[{'1' * 400}]")
    other_classes = record(output="[0.2, 0.3, 0.5]")
    cut = (b'{"cut', b"\xff", b"[" * 100_000)
    cloud.put(record(), deep, huge, other_classes, *cut, record())
    objects.put("captures", f"{PREFIX}{NOW:%Y/%m/%d/%H}/x.jsonl", b"\x1f\x8b no gzip")
    archived, expired = cloud.put(record()), cloud.put(record())
    cloud.s3.copy_object(
        Bucket="captures", Key=archived, CopySource=f"captures/{archived}", StorageClass="GLACIER"
    )
    new_files = Cursor.new_files

    def list_and_expire(*arguments: Any, **request: Any) -> Any:
        files = new_files(*arguments, **request)
        cloud.s3.delete_object(Bucket="captures", Key=expired)
        return files

    monkeypatch.setattr(Cursor, "new_files", list_and_expire)

    assert cloud.run() == {"records": 2, "files": 4, "files_left": 0}
    assert cloud.run()["files"] == 0
    assert cloud.metric("RecordsUnreadable") == [6 + 1 + 2, 0]


def test_a_log_of_a_record_is_text_that_can_be_written(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    # Lambda's log handler raises what it cannot encode.
    capture, late = record(picture=b"no picture"), record()
    capture["eventMetadata"]["eventId"] = late["eventMetadata"]["inferenceTime"] = "\ud800"
    cloud.put(capture, late)

    cloud.run()

    assert r"not measured: event '\ud800'" in caplog.text
    assert "not readable" in caplog.text
    assert caplog.text.encode()


# --- what is damaged -----------------------------------------------------------------------------


ODD_STATE = b'{"cursor": {"uploaded": 5}, "minutes": [], "pending": null}'


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b", b"[" * 100_000, b"[]", b"{}", ODD_STATE])
def test_a_damaged_state_or_baseline_is_named_with_the_remedy(cloud: Cloud, content: bytes) -> None:
    for key, error, says in (
        (STATE, StateDamagedError, "is damaged: .*; remove it, and"),
        (BASELINE, BaselineDamaged, "is not a baseline: .*; stage the"),
    ):
        objects.put("artifacts", key, content)
        with pytest.raises(error, match=f"^s3://artifacts/{key} {says}"):
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
    objects.put("artifacts", STATE, json.dumps({**state, "cursor": {**state["cursor"], **changed}}))

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
def test_a_baseline_whose_numbers_do_not_hold_together_is_named(
    cloud: Cloud, changed: dict[str, Any]
) -> None:
    stored = json.loads(objects.get("artifacts", BASELINE))
    stored["baseline"] |= changed
    objects.put("artifacts", BASELINE, json.dumps(stored))

    with pytest.raises(BaselineDamaged, match="is not a baseline: .*; stage the"):
        cloud.run()


def test_a_pending_batch_of_an_earlier_release_is_sent(cloud: Cloud) -> None:
    cloud.put(record())
    cloud.run()
    state = cloud.state()
    pending = {
        "begun": state["minutes"][-1],
        "minutes": [f"{NOW - timedelta(minutes=9):%Y-%m-%dT%H:%M:00+00:00}"],
        "figures": {"Records": 7.0},
        "then": state["cursor"],
    }
    objects.put("artifacts", STATE, json.dumps({**state, "pending": pending}))

    cloud.run()

    assert 7 in cloud.metric("Records")
