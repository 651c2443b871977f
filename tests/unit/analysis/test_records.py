import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from analysis.records import CELLS_OF_A_RECORD, Records, collect, load
from analysis.skipped_lines import EXAMPLES, Kind
from tests.capture_records import Write, png, record

NOW = datetime(2024, 10, 16, tzinfo=UTC)


def places(records: Records) -> dict[Kind, list[tuple[str, int]]]:
    """File name and line of the first skips, by kind."""
    return {
        kind: [(Path(skip.file).name, skip.line) for skip in skips]
        for kind, skips in records.skipped.first.items()
    }


def test_real_captures_are_columns_without_a_skip(real_captures: Path) -> None:
    records = collect(real_captures, classes=("bicycle", "motorcycle"), fingerprints=True)

    frame = records.frame
    assert records.skipped.counts == {}
    assert frame.dtypes.astype(str).to_dict() == {
        "event_id": "str",
        "inference_id": "str",
        "time": "datetime64[us, UTC]",
        "endpoint": "category",
        "variant": "category",
        "best_class": "Int16",
        "confidence": "float64",
        "p0": "float64",
        "p1": "float64",
        "fingerprint": "UInt64",
    }
    assert len(frame) == 22
    assert frame.time[0] == datetime(2024, 10, 15, 14, 5, 12, tzinfo=UTC)
    assert frame.p0[0] == 0.9388836622238159
    assert (frame.confidence >= 0.93).sum() == 15
    assert frame.time.is_monotonic_increasing
    assert frame.fingerprint.nunique() == 21
    assert (frame.confidence == frame[["p0", "p1"]].max(axis=1)).all()
    assert (frame.best_class == (frame.p1 > frame.p0)).all()
    assert load(real_captures).equals(frame.drop(columns="fingerprint"))


def test_planted_defects_are_counted_with_file_and_line(write: Write) -> None:
    folder = write(
        record("one"),
        record("wrong", encoding="BASE64"),
        record("three", output="[0.2, 0.3, 0.5]"),
        record("late", time="2024-10-16T00:06:00Z"),
        record("baseline", inference_id="baseline-7"),
        record("two", time="2024-10-15T01:00:00Z"),
    )
    write(record("one"), record("oops", output="oops"), name="b/c.jsonl")
    (folder / "cut.jsonl").write_text(json.dumps(record("cut"))[:300])
    records = collect(folder, now=NOW)

    assert records.frame.event_id.tolist() == ["two", "one"]
    assert places(records) == {
        Kind.NO_RECORD: [("cut.jsonl", 1)],
        Kind.WRONG_ENCODING: [("a.jsonl", 2)],
        Kind.NO_PROBABILITIES: [("c.jsonl", 2)],
        Kind.DUPLICATE: [("c.jsonl", 1)],
        Kind.CLASS_COUNT: [("a.jsonl", 3)],
        Kind.FUTURE: [("a.jsonl", 4)],
        Kind.BASELINE: [("a.jsonl", 5)],
    }


def test_records_that_lack_something_stay_and_are_counted(write: Write) -> None:
    text = record("text", content=b"1,2,3", content_type="text/csv")
    folder = write(record("in", output=None), record("out", content=None), text)
    records = collect(folder, now=NOW, fingerprints=True)

    frame = records.frame.set_index("event_id")
    assert list(frame.index) == ["out", "text", "in"]
    assert frame.confidence.fillna(-1).tolist() == [0.75, 0.75, -1]
    assert frame.best_class.isna().tolist() == [False, False, True]
    assert frame.fingerprint.isna().tolist() == [True, True, False]
    assert places(records) == {
        Kind.NO_OUTPUT: [("a.jsonl", 1)],
        Kind.NO_INPUT: [("a.jsonl", 2)],
        Kind.NO_PICTURE: [("a.jsonl", 3)],
    }
    (no_picture,) = records.skipped.first[Kind.NO_PICTURE]
    assert no_picture.reason == "input of type text/csv is not a picture"
    assert (records.least_confident, records.random) == ([], [])


def test_a_damaged_picture_is_counted_once_and_in_no_sample(write: Write) -> None:
    records = collect(write(record(content=png(1)[:40])), now=NOW, fingerprints=True)

    assert len(records.frame) == 1
    assert places(records) == {Kind.NO_PICTURE: [("a.jsonl", 1)]}
    assert (records.least_confident, records.random) == ([], [])


def test_given_classes_decide_over_the_majority(write: Write) -> None:
    three = record("three", output="[0.2, 0.3, 0.5]")
    folder = write(record("one"), record("two"), three, record("four"))

    assert collect(folder, now=NOW).classes == ("class 0", "class 1")
    records = collect(folder, classes=("a", "b", "c"), now=NOW)
    assert records.frame.event_id.tolist() == ["three"]
    assert records.skipped.counts == {Kind.CLASS_COUNT: 3}
    assert records.skipped.first[Kind.CLASS_COUNT][0].reason == "2 probabilities, expected 3"


def test_nothing_captured_gives_the_columns_without_rows(tmp_path: Path) -> None:
    records = collect(tmp_path, classes=("a", "b"))

    assert records.frame.empty
    assert {"event_id", "time", "best_class", "confidence", "p0", "p1"} <= set(records.frame)
    assert collect(tmp_path).classes == ()


def test_samples_are_bounded_and_hold_the_least_confident(write: Write) -> None:
    outputs = {f"{i}": 0.5 + i / 1000 for i in (7, 300, 2, 450, 9, 100)}
    each = (record(key, output=f"[{p}, {1 - p}]", content=png(5)) for key, p in outputs.items())
    folder = write(*each)
    records = collect(folder, now=NOW, sample_size=3)

    assert [sample.event_id for sample in records.least_confident] == ["2", "7", "9"]
    assert len({sample.event_id for sample in records.random}) == 3
    sample = records.least_confident[0]
    assert (sample.best_class, sample.confidence) == (0, 0.502)
    assert sample.content == png(5)
    assert records.random == collect(folder, now=NOW, sample_size=3).random


def test_every_record_has_the_same_chance_to_be_in_the_random_sample(write: Write) -> None:
    folder = write(*(record(str(i)) for i in range(6)))
    chosen = [
        sample.event_id
        for seed in range(200)
        for sample in collect(folder, now=NOW, sample_size=2, seed=seed).random
    ]

    # 400 choices of 6: 67 each; the standard deviation is below 8.
    assert all(37 <= chosen.count(str(i)) <= 97 for i in range(6))


def test_only_the_first_skips_keep_their_place(write: Write) -> None:
    folder = write(*(record("same") for _ in range(EXAMPLES + 6)))
    skipped = collect(folder, now=NOW).skipped

    assert skipped.counts == {Kind.DUPLICATE: EXAMPLES + 5}
    assert [skip.line for skip in skipped.first[Kind.DUPLICATE]] == list(range(2, EXAMPLES + 2))


@pytest.mark.parametrize(("seconds", "kept"), [(299, 1), (301, 0)])
def test_clocks_may_differ_by_some_minutes(write: Write, seconds: int, kept: int) -> None:
    now = datetime.fromtimestamp(NOW.timestamp() - seconds, UTC)

    assert len(collect(write(record(time="2024-10-16T00:00:00Z")), now=now).frame) == kept


def test_a_report_holds_a_number_of_records(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = CELLS_OF_A_RECORD + 2
    monkeypatch.setattr("analysis.records.MAX_CELLS", 2 * cells)
    folder = write(*(record(str(number)) for number in range(4)))

    records = collect(folder, now=NOW)

    assert records.frame.event_id.tolist() == ["0", "1"]
    assert places(records) == {Kind.UNREADABLE: [("a.jsonl", 3)]}
    (reason,) = records.skipped.sentences()
    assert "more records than a report can hold: this one and all that follow are left" in reason
