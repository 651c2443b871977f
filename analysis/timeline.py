"""Cuts time into steps that a person would choose: minutes, hours, days, weeks."""

from dataclasses import dataclass

import pandas as pd

MOST_STEPS = 100


@dataclass(frozen=True)
class Step:
    """Length of the bins of a time axis."""

    name: str
    """As in "per hour"."""
    width: pd.Timedelta


STEPS = (
    Step("minute", pd.Timedelta(minutes=1)),
    Step("hour", pd.Timedelta(hours=1)),
    Step("day", pd.Timedelta(days=1)),
    Step("week", pd.Timedelta(days=7)),
    Step("four weeks", pd.Timedelta(days=28)),
    Step("364 days", pd.Timedelta(days=364)),
)

A_MONDAY = pd.Timestamp("1969-12-29", tz="UTC")


def step_for(times: pd.Series) -> Step:
    """The shortest step of which `MOST_STEPS` reach from the first to the last time."""
    span = times.max() - times.min()
    return next((step for step in STEPS if span / step.width <= MOST_STEPS), STEPS[-1])


def starts(times: pd.Series, step: Step) -> pd.Series:
    """The start of each time's bin: full minutes, hours or days of UTC, weeks from Monday."""
    return A_MONDAY + (times - A_MONDAY).dt.floor(step.width)
