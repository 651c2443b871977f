"""Share of the predictions at or above the threshold, over time."""

import pandas as pd
from matplotlib.figure import Figure

from analysis.metrics import wilson
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
from analysis.plots.time_axis import naive, starts, step_for


def plot(seen: pd.DataFrame, *, threshold: float) -> Plot:
    """Plot a point for each minute, hour, day or week, with its 95% interval."""
    step = step_for(seen["time"])
    accepts = seen["confidence"] >= threshold
    bins = accepts.groupby(starts(seen["time"], step)).agg(["size", "sum"])
    share = (bins["sum"] / bins["size"]).to_numpy()
    low, high = wilson(bins["sum"], bins["size"])
    overall = float(accepts.mean())

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        first = naive(bins.index.to_series())
        middle = first + step.width.to_timedelta64() // 2
        points_with_intervals(axes, middle, share, low, high, crowded=len(bins) > 40)
        name = f"overall: {percent(overall)}"
        axes.axhline(overall, color=MUTED, linestyle=":", linewidth=2, label=name)
        legend(axes)
        axes.set_ylim(0, 1)
        time_axis.percentages(axes)
        axes.set_ylabel("share accepted")
        time_axis.scale(axes, first.min(), first.max(), step=step)

    table = pd.DataFrame(
        {
            f"{step.name} from (UTC)": time_axis.moments(bins.index),
            "predictions": [f"{count:,}" for count in bins["size"]],
            "accepted": [f"{count:,}" for count in bins["sum"]],
            "share": [percent(value) for value in share],
            "95% interval": [interval(*bounds) for bounds in zip(low, high, strict=True)],
        }
    )
    return Plot(
        "share-accepted",
        f"Share accepted per {step.name}",
        f"at or above {threshold:g}  ·  bars are 95% intervals: wide where predictions are few",
        f"Share of predictions at or above {threshold:g} in each {step.name} "
        f"({counted(len(bins), 'point')}): between {percent(share.min())} and "
        f"{percent(share.max())}, {percent(overall)} overall.",
        table,
        draw,
    )
