"""The synthetic captures are read without a skip, in a separate process."""

from pathlib import Path

import pytest

from analysis.records import collect
from benchmarks import captures


def test_captures_are_read_without_a_skip(tmp_path: Path) -> None:
    captures.write(tmp_path, 1001)
    records = collect(tmp_path, fingerprints=True)

    assert len(list(tmp_path.rglob("*.jsonl"))) == 2
    assert len(records.frame) == 1001
    assert records.frame.fingerprint.nunique() == captures.PICTURES
    assert records.frame.variant.unique().tolist() == ["AllTraffic"]
    assert records.skipped.counts == {}


def test_speed_and_memory_are_measured_with_and_without_decoding() -> None:
    rows = captures.run([3]).rows

    assert [row.measure for row in rows] == [
        "3 records read",
        "3 records read: peak memory",
        "3 records read, pictures decoded",
        "3 records read, pictures decoded: peak memory",
    ]
    assert rows[0].ours[0] > 0


def test_an_error_in_the_process_is_raised(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        captures.measure(tmp_path / "missing", fingerprints=False)
