"""The axis of time, the same below each picture."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import DAILY, AutoDateFormatter, AutoDateLocator
from matplotlib.ticker import PercentFormatter

from analysis.plots.style import Times
from analysis.timeline import Step

SECOND = np.timedelta64(1_000_000, "us")
SHORTEST = 11 * SECOND
"""Shorter spans may have a single tick, or ticks at fractions of a second."""
FEWEST_BINS = 5
FEWEST_TICKS, MOST_TICKS = 3, 7
"""Closer to each other, they have no interval for some spans."""


def scale(axes: Axes, first: np.datetime64, last: np.datetime64) -> None:
    """From the first to the last time, in whole seconds, with a margin."""
    start = first.astype("datetime64[s]")
    end = last.astype("datetime64[s]") + SECOND
    margin = max((end - start) / 50, (SHORTEST - (end - start)) / 2)
    axes.set(xlim=(start - margin, end + margin))
    _write(axes, first, last, what="time")


def scale_bins(axes: Axes, first: np.datetime64, last: np.datetime64, *, step: Step) -> None:
    """From the start of the first to the end of the last bin, and for few bins some more."""
    width = step.width.to_timedelta64()
    end = last + width
    margin = max((end - first) / 50, (FEWEST_BINS * width - (end - first)) / 2)
    axes.set(xlim=(first - margin, end + margin))
    _write(axes, first, last, what=step.name)


def _write(axes: Axes, first: np.datetime64, last: np.datetime64, *, what: str) -> None:
    locator = AutoDateLocator(minticks=FEWEST_TICKS, maxticks=MOST_TICKS)
    locator.intervald[DAILY] = [
        1,
        4,
        7,
        14,
        21,
    ]  # every second day, the 31st would stand on the 1st
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(AutoDateFormatter(locator))
    days = " to ".join(dict.fromkeys(f"{day:%d %b %Y}" for day in (first.item(), last.item())))
    axes.set_xlabel(f"{what} of the prediction (UTC)\n{days}")


def moments(times: pd.Series) -> list[str]:
    """Times for a table: minutes are enough, they start bins."""
    return [f"{time:%Y-%m-%d %H:%M}" for time in times]


def percentages(axes: Axes) -> None:
    """Write shares of the vertical axis as percents, with as many digits as they need."""
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1))


def spread_within_second(times: Times) -> Times:
    """Times for drawing: captures of one second side by side, in their order, instead of stacked.

    SageMaker writes whole seconds, so that 50 captures a second would hide behind each other.
    """
    if (times != times.astype("datetime64[s]")).any():
        return times
    _, group, sizes = np.unique(times, return_inverse=True, return_counts=True)
    order = np.argsort(group, kind="stable")
    rank = np.empty(times.size, dtype=np.int64)
    rank[order] = np.arange(times.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    spread: Times = times + rank / sizes[group] * SECOND
    return spread
