import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from analysis.plots.time_axis import MOST_TICKS, scale, starts, step_for

START = np.datetime64("2025-11-20T23:59:58", "us")


@pytest.mark.filterwarnings("error")  # matplotlib warns where it finds no interval
def test_any_span_has_a_few_ticks() -> None:
    axes = Figure().subplots()
    for seconds in np.geomspace(1, 10 * 365 * 86400, 100).astype("timedelta64[s]"):
        scale(axes, START, START + seconds)
        low, high = axes.get_xlim()
        ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
        assert 2 <= len(ticks) <= MOST_TICKS, seconds


def times(*texts: str) -> pd.Series:
    return pd.Series(pd.to_datetime(texts, utc=True))


@pytest.mark.parametrize(
    ("last", "step"),
    [
        ("2024-10-15T14:05:12", "minute"),
        ("2024-10-15T15:30:00", "minute"),
        ("2024-10-16T14:05:12", "hour"),
        ("2024-11-15T14:05:12", "day"),
        ("2025-10-15T14:05:12", "week"),
        ("2124-10-15T14:05:12", "364 days"),
    ],
)
def test_the_step_follows_the_span(last: str, step: str) -> None:
    assert step_for(times("2024-10-15T14:05:12", last)).name == step


def test_days_begin_at_midnight_utc_and_weeks_on_monday() -> None:
    year = times("2024-10-15T23:59:59", "2025-10-15T00:00:00")
    assert [day.day_name() for day in starts(year, step_for(year))] == ["Monday", "Monday"]

    month = times("2024-10-15T23:59:59", "2024-11-15T00:00:00")
    assert starts(month, step_for(month))[0] == pd.Timestamp("2024-10-15", tz="UTC")
