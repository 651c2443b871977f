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
    assert records.skipped.counts == {}


def test_speed_and_memory_are_measured_with_and_without_decoding(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seconds, peak_bytes = captures.measure(tmp_path, decode=True)  # in a separate process
    assert seconds >= 0 and peak_bytes > 10**7
    monkeypatch.setattr(captures, "measure", captures._measure_here)
    rows = {row.measure: row.ours for row in captures.run([3]).rows}

    for how in ("read", "read, pictures decoded"):
        assert rows[f"3 records {how}"][0] > 0
        assert f"3 records {how}: peak memory" in rows
