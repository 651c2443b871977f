"""Captures of one second beside each other."""

import numpy as np

from monitoring.figures.time_axis import spread_within_second

START = np.datetime64("2025-11-20T23:59:58", "us")


def test_captures_of_one_second_are_spread_over_it_in_their_order() -> None:
    times = START + np.array([0, 5, 0, 0, 0]) * np.timedelta64(1, "s")
    offsets = (spread_within_second(times) - times).astype(int)

    assert offsets.tolist() == [0, 0, 250_000, 500_000, 750_000]


def test_times_that_are_finer_than_seconds_are_left_alone() -> None:
    times = START + np.array([200_000, 200_000]) * np.timedelta64(1, "us")

    assert (spread_within_second(times) == times).all()
