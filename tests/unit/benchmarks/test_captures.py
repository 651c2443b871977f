"""The benchmark writes captures that are read without a skip, and its arithmetic."""

from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import captures
from monitoring.records import collect


@pytest.mark.parametrize("zipped", [False, True])
def test_what_is_written_reads_without_a_skip(tmp_path: Path, zipped: bool) -> None:
    captures.write(tmp_path, 1001, zipped=zipped)
    records = collect(tmp_path, fingerprints=True)

    assert len(list(tmp_path.rglob("*.jsonl"))) == 2
    assert len(records.frame) == 1001
    assert records.frame.picture.nunique() == captures.PICTURES
    assert records.frame.variant.unique().tolist() == ["AllTraffic"]
    assert records.skips.counts == {}


def test_memory_is_given_beyond_that_of_an_empty_process() -> None:
    empty = captures.Measured(0, seconds=0.1, cpu_seconds=0.1, peak_bytes=100_000_000)
    full = captures.Measured(10_000, seconds=2.0, cpu_seconds=0.5, peak_bytes=101_500_000)

    console = Console(record=True, width=120)
    console.print(captures.table(empty, [full]))

    assert ["10,000", "2.0", "5,000", "20,000", "1.5", "150"] in [
        line.replace("│", " ").split() for line in console.export_text().splitlines()
    ]


def test_a_process_of_its_own_is_measured(tmp_path: Path) -> None:
    captures.write(tmp_path, 3, zipped=False)
    measured = captures.measure(tmp_path, fingerprints=True)

    assert measured.records == 3
    assert measured.seconds > 0
    assert measured.peak_bytes > 10_000_000


def test_a_process_that_fails_is_named_with_its_words(tmp_path: Path) -> None:
    with pytest.raises(captures.ReadingFailedError, match="FileNotFoundError"):
        captures.measure(tmp_path / "gone", fingerprints=False)
