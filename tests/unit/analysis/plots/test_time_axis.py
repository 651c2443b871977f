"""Captures of one second beside each other, and ticks for any span."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from analysis.plots.time_axis import MOST_TICKS, scale, spread_within_second

START = np.datetime64("2025-11-20T23:59:58", "us")


def test_captures_of_one_second_are_spread_over_it_in_their_order() -> None:
    times = START + np.array([0, 5, 0, 0, 0]) * np.timedelta64(1, "s")
    offsets = (spread_within_second(times) - times).astype(int)

    assert offsets.tolist() == [0, 0, 250_000, 500_000, 750_000]


def test_times_that_are_finer_than_seconds_are_left_alone() -> None:
    times = START + np.array([200_000, 200_000]) * np.timedelta64(1, "us")

    assert (spread_within_second(times) == times).all()


@pytest.mark.filterwarnings("error")  # matplotlib warns where it finds no interval
def test_any_span_has_a_few_ticks() -> None:
    for seconds in np.geomspace(1, 10 * 365 * 86400, 100).astype("timedelta64[s]"):
        axes = Figure().subplots()
        scale(axes, START, START + seconds)
        low, high = axes.get_xlim()
        ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
        assert 2 <= len(ticks) <= MOST_TICKS, seconds
