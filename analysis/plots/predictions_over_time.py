"""Which classes were predicted, over time."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.plots import time_axis
from analysis.plots.style import (
    OTHERS,
    Picture,
    class_colours,
    legend,
    naive,
    percent,
    short,
)
from analysis.timeline import starts, step_for

OTHER_CLASSES = "other classes"


def picture(seen: pd.DataFrame, *, classes: Sequence[str]) -> Picture:
    """Draw how many predictions there were, and below it the share of each class."""
    step = step_for(seen["time"])
    title = f"Predicted classes per {step.name}"
    start = starts(seen["time"], step)
    # A class that was never predicted has its column, too.
    best = pd.Categorical(seen["best_class"].astype(int), categories=range(len(classes)))
    counts = pd.crosstab(start, best, dropna=False)
    colours = class_colours([int(counts[index].sum()) for index in range(len(classes))])
    series = {short(classes[index]): (colours[index], counts[index]) for index in colours}
    if len(colours) < len(classes):
        series[OTHER_CLASSES] = OTHERS, counts.drop(columns=list(colours)).sum(axis=1)
    total = counts.sum(axis=1).to_numpy()

    def draw(figure: Figure) -> None:
        upper, lower = figure.subplots(2, sharex=True, height_ratios=(1, 3))
        times = naive(counts.index.to_series())
        width = np.timedelta64(step.width.to_timedelta64(), "s") * 0.9
        bars: dict[str, Any] = {"width": width, "align": "edge"}
        upper.bar(times, total, color=OTHERS, **bars)
        upper.yaxis.set_major_locator(MaxNLocator(nbins=2, integer=True, min_n_ticks=1))
        upper.set_ylabel("predictions")
        bottom = np.zeros(total.size)
        handles = []
        for colour, values in series.values():
            share = values.to_numpy() / total
            handles.append(lower.bar(times, share, bottom=bottom, color=colour, **bars))
            bottom += share
        lower.set_ylim(0, 1)
        time_axis.percentages(lower)
        lower.set_ylabel("share of each class")
        time_axis.scale_bins(lower, times.min(), times.max(), step=step)
        # Asked for the axes' labels, matplotlib leaves out names that begin with an underscore.
        legend(upper, handles=handles, labels=list(series))

    table = pd.DataFrame(
        {
            f"{step.name} from (UTC)": time_axis.moments(counts.index),
            "predictions": [f"{count:,}" for count in total],
            **{name: [f"{count:,}" for count in values] for name, (_, values) in series.items()},
        }
    )
    shares = [f"{name} {percent(values.sum() / len(seen))}" for name, (_, values) in series.items()]
    alt = f"Predictions per {step.name} and class. Over all of it: {', '.join(shares)}."
    subtitle = f"predictions: {len(seen):,}"
    return Picture("predictions-over-time", title, subtitle, alt, table, draw)
