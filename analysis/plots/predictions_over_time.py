"""Predicted classes over time."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.plots import time_axis
from analysis.plots.style import OTHERS, Plot, class_colours, legend, percent, short_names
from analysis.plots.time_axis import naive, starts, step_for

OTHER_CLASSES = "other classes"


def plot(seen: pd.DataFrame, *, classes: Sequence[str]) -> Plot:
    """Plot the number of predictions, and below it the share of each class."""
    step = step_for(seen["time"])
    # Categories keep a column for a class that was never predicted.
    best = pd.Categorical(seen["best_class"].astype(int), categories=range(len(classes)))
    counts = pd.crosstab(starts(seen["time"], step), best, dropna=False)
    colours = class_colours(counts.sum().tolist())
    names = short_names([classes[index] for index in colours])
    series = {
        name: (colour, counts[index])
        for name, (index, colour) in zip(names, colours.items(), strict=True)
    }
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
        time_axis.scale(lower, times.min(), times.max(), step=step)
        # Given as labels of the axes, names that begin with an underscore would be left out.
        legend(upper, handles=handles, labels=list(series))

    table = pd.DataFrame(
        {
            f"{step.name} from (UTC)": time_axis.moments(counts.index),
            "predictions": [f"{count:,}" for count in total],
            **{name: [f"{count:,}" for count in values] for name, (_, values) in series.items()},
        }
    )
    shares = [f"{name} {percent(values.sum() / len(seen))}" for name, (_, values) in series.items()]
    return Plot(
        "predictions-over-time",
        f"Predicted classes per {step.name}",
        f"predictions: {len(seen):,}",
        f"Predictions per {step.name} and class. In total: {', '.join(shares)}.",
        table,
        draw,
    )
