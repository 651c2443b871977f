"""Steps of a time axis."""

import pandas as pd
import pytest

from analysis.timeline import starts, step_for


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
