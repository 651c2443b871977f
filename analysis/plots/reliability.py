"""Accuracy against confidence."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis.metrics import Calibration
from analysis.plots import time_axis
from analysis.plots.style import (
    MUTED,
    Plot,
    counted,
    interval,
    legend,
    percent,
    points_with_intervals,
)


def plot(calibration: Calibration) -> Plot:
    """Plot accuracy against confidence, one point per bin, beside the line where they are equal."""
    bins = calibration.bins
    records = [each.accuracy.records for each in bins]
    mean, value, low, high = np.array(
        [
            (each.confidence, each.accuracy.value, each.accuracy.low, each.accuracy.high)
            for each in bins
        ]
    ).T

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        line = "as accurate as confident; below: overconfident"
        axes.plot([0, 1], [0, 1], color=MUTED, linestyle="--", linewidth=2, label=line)
        points_with_intervals(axes, mean, value, low, high)
        left = np.floor(max(0.0, mean.min() - 0.03) * 20) / 20
        axes.set(xlim=(left, 1), ylim=(0, 1))
        axes.set_xlabel("mean confidence of a group of records")
        axes.set_ylabel("share that is correct, with 95% interval")
        time_axis.percentages(axes)
        legend(axes)

    table = pd.DataFrame(
        {
            "confidence": [f"{each.low:.3f} to {each.high:.3f}" for each in bins],
            "records": [f"{count:,}" for count in records],
            "mean confidence": [f"{x:.3f}" for x in mean],
            "correct": [percent(y) for y in value],
            "95% interval": [interval(*bounds) for bounds in zip(low, high, strict=True)],
        }
    )
    parts = [f"confidence {x:.3f}: {percent(y)} correct" for x, y in zip(mean, value, strict=True)]
    error = f"xpected calibration error: {calibration.error:.3f}"
    return Plot(
        "reliability",
        "Is the confidence justified?",
        f"e{error}  ·  labelled records: {sum(records):,}, in {counted(len(bins), 'group')} of "
        "similar confidence",
        f"Reliability diagram. E{error}. {'; '.join(parts)}.",
        table,
        draw,
    )
