"""Whatever is in a capture file: counted, and the next file is read."""

import json
from pathlib import Path

from hypothesis import given

from analysis.records import collect
from tests import odd_captures
from tests.capture_records import record
from tests.unit.lambda_src.hostile import fuzzed, within_bounds


@fuzzed
@given(content=odd_captures.files())
def test_any_file_is_counted_and_the_next_one_is_read(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(content)
    (tmp_path / "b.jsonl").write_text(json.dumps(record("good")))

    with within_bounds():
        records = collect(tmp_path, classes=("a", "b"), fingerprints=True)
        sentences = records.skipped.sentences()

    assert "good" in set(records.frame.event_id)
    values = records.frame[["p0", "p1", "confidence"]]
    assert (values.isna() | values.ge(0) & values.le(1)).all(axis=None)
    assert all(len(sentence) < 1000 and sentence.isprintable() for sentence in sentences)
