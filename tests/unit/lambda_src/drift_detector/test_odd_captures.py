"""Whatever is in a capture file or in a reply: counted and passed, or one named error."""

import json

from hypothesis import given

from lambda_src.drift_detector.captures import Batch
from lambda_src.drift_detector.drift import compare
from tests import odd_captures
from tests.unit.lambda_src.drift_detector.detector import make_stored_baseline, raw, record
from tests.unit.lambda_src.hostile import fuzzed, within_bounds

BASELINE = make_stored_baseline()


@fuzzed
@given(content=odd_captures.files())
def test_any_file_is_counted_and_the_next_one_is_read(content: bytes) -> None:
    good = b"".join(json.dumps(record()).encode() + b"\n" for _ in range(50))
    batch = Batch(BASELINE)

    with within_bounds():
        batch.add_file("odd.jsonl", raw(content))
        odd = batch.records
        batch.add_file("good.jsonl", raw(good))
        comparisons = compare(BASELINE.baseline, batch.observations, threshold=0.93)

    assert batch.records == odd + 50
    assert odd <= 3
    assert all(0 <= observed.confidence <= 1 for observed in batch.observations)
    assert comparisons and all(0 <= each.ratio < float("inf") for each in comparisons)
    json.dumps([batch.counts, batch.observations], allow_nan=False).encode()
