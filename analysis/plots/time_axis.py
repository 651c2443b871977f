"""Axes: time in steps that a person would choose, and percentages."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import DAILY, AutoDateFormatter, AutoDateLocator
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

Times = NDArray[np.datetime64]

SECOND = np.timedelta64(1_000_000, "us")
SHORTEST = 11 * SECOND
"""Shorter spans may have a single tick, or ticks at fractions of a second."""
FEWEST_BINS = 5
FEWEST_TICKS, MOST_TICKS = 3, 7
"""With these closer to each other, some spans have no interval."""

MOST_STEPS = 100
A_MONDAY = pd.Timestamp("1969-12-29", tz="UTC")


class Step(NamedTuple):
    """The width of the bins of a time axis."""

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


def step_for(times: pd.Series) -> Step:
    """Return the shortest step that cuts the times into at most `MOST_STEPS` bins."""
    span = times.max() - times.min()
    return next((step for step in STEPS if span / step.width <= MOST_STEPS), STEPS[-1])


def starts(times: pd.Series, step: Step) -> pd.Series:
    """Return the start of each time's bin: full minutes, hours, days (UTC) or weeks."""
    return A_MONDAY + (times - A_MONDAY).dt.floor(step.width)


def scale(
    axes: Axes, first: np.datetime64, last: np.datetime64, *, step: Step | None = None
) -> None:
    """Scale from the first to the last time, or bin of a step, with a margin.

    Without a step the times are those of points, in whole seconds.
    """
    unit = step.width.to_timedelta64() if step else SECOND
    start, end = first.astype("datetime64[s]"), last.astype("datetime64[s]") + unit
    shortest = FEWEST_BINS * unit if step else SHORTEST
    margin = max((end - start) / 50, (shortest - (end - start)) / 2)
    axes.set(xlim=(start - margin, end + margin))
    locator = AutoDateLocator(minticks=FEWEST_TICKS, maxticks=MOST_TICKS)
    # With matplotlib's 2 and 3 days, the 31st would overlap the 1st.
    locator.intervald[DAILY] = [1, 4, 7, 14, 21]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(AutoDateFormatter(locator))
    days = " to ".join(dict.fromkeys(f"{day:%d %b %Y}" for day in (first.item(), last.item())))
    axes.set_xlabel(f"{step.name if step else 'time'} of the prediction (UTC)\n{days}")


def moments(times: pd.Series) -> list[str]:
    """Return the starts of bins for a table."""
    return [f"{time:%Y-%m-%d %H:%M}" for time in times]


def percentages(axes: Axes) -> None:
    """Label the shares of the vertical axis as percentages."""
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))


def naive(times: pd.Series) -> Times:
    """Return times in UTC as matplotlib takes them."""
    values: Times = times.dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
    return values
