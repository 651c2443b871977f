"""The picture of confidence over time: what it counts, and that it can always be drawn."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from monitoring.captures import Capture
from monitoring.plots import confidence_over_time, confidences, spread_within_second

START = datetime(2025, 11, 20, 23, 59, 58, tzinfo=UTC)


def capture(confidence: float | None, seconds: float = 0) -> Capture:
    """A capture of two classes."""
    return Capture(
        event_id="event",
        inference_id=None,
        time=START + timedelta(seconds=seconds),
        endpoint=None,
        variant=None,
        file="a.jsonl",
        line=1,
        input=None,
        probabilities=None if confidence is None else (1 - confidence, confidence),
    )


def test_a_confidence_at_the_threshold_is_accepted_one_below_it_is_not() -> None:
    data = confidences([capture(0.93), capture(0.9299), capture(1.0)], threshold=0.93)

    assert data.accepted.tolist() == [True, False, True]


def test_captures_without_output_are_counted_apart() -> None:
    data = confidences([capture(0.6, seconds=1.5), capture(None)], threshold=0.93)

    assert data.without_output == 1
    assert data.values.tolist() == [0.6]
    assert data.times.tolist() == [datetime(2025, 11, 20, 23, 59, 59, 500000)]


@pytest.mark.filterwarnings("error::UserWarning")  # matplotlib warns of ticks it cannot place
@pytest.mark.parametrize("count", [0, 1, 5, 200, 10_000])
@pytest.mark.parametrize("span", [0, 2, 21 * 86400], ids="{}s".format)
def test_a_slide_is_drawn_for_any_number_of_captures_and_any_span(
    count: int, span: int, tmp_path: Path
) -> None:
    records = [
        capture(float(confidence), int(seconds))
        for confidence, seconds in zip(
            np.linspace(0.5, 1, count), np.linspace(0, span, count), strict=True
        )
    ]
    path = tmp_path / "made" / "confidence.png"
    confidence_over_time(
        confidences(records, threshold=0.93), path=path, title="scones-dev", source="drawn"
    )

    with Image.open(path) as picture:
        assert picture.size == (1600, 900)


def test_captures_of_one_second_are_spread_over_it_in_their_order() -> None:
    times = confidences([capture(0.9, second) for second in (0, 5, 0, 0, 0)], threshold=0.93).times
    offsets = (spread_within_second(times) - times).astype(int)

    assert offsets.tolist() == [0, 0, 250_000, 500_000, 750_000]


def test_times_that_are_finer_than_seconds_are_left_alone() -> None:
    times = confidences([capture(0.9, 0.2), capture(0.9, 0.2)], threshold=0.93).times

    assert (spread_within_second(times) == times).all()
