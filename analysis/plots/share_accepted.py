"""Share of the predictions at or above the threshold, over time."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis.metrics import wilson
from analysis.plots import time_axis
from analysis.plots.style import ACCEPTED, MUTED, Picture, counted, legend, naive, percent
from analysis.timeline import starts, step_for


def picture(seen: pd.DataFrame, *, threshold: float) -> Picture:
    """Draw a point for each minute, hour, day or week, with its 95% interval."""
    step = step_for(seen["time"])
    title = f"Share accepted per {step.name}"
    accepts = seen["confidence"] >= threshold
    bins = accepts.groupby(starts(seen["time"], step)).agg(["size", "sum"])
    share = (bins["sum"] / bins["size"]).to_numpy()
    low, high = wilson(bins["sum"], bins["size"])
    overall = float(accepts.mean())

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        first = naive(bins.index.to_series())
        times = first + step.width.to_timedelta64() // 2
        crowded = len(bins) > 40
        axes.errorbar(
            times,
            share,
            # An interval of 100% of one record ends at 100%, to the last digit or nearly.
            yerr=np.clip([share - low, high - share], 0, None),
            fmt="o",
            color=ACCEPTED,
            markersize=7 if crowded else 12,
            elinewidth=1.5 if crowded else 2.5,
            capsize=0 if crowded else 6,
            clip_on=False,
            zorder=3,
        )
        name = f"all of it: {percent(overall)}"
        axes.axhline(overall, color=MUTED, linestyle=":", linewidth=2, label=name)
        legend(axes)
        axes.set_ylim(0, 1)
        time_axis.percentages(axes)
        axes.set_ylabel("share accepted")
        time_axis.scale_bins(axes, first.min(), first.max(), step=step)

    table = pd.DataFrame(
        {
            f"{step.name} from (UTC)": time_axis.moments(bins.index),
            "predictions": [f"{count:,}" for count in bins["size"]],
            "accepted": [f"{count:,}" for count in bins["sum"]],
            "share": [percent(value) for value in share],
            "95% interval": [
                f"{percent(a)} to {percent(b)}" for a, b in zip(low, high, strict=True)
            ],
        }
    )
    alt = (
        f"Share of predictions at or above {threshold:g} in each {step.name} "
        f"({counted(len(bins), 'point')}): between {percent(share.min())} and "
        f"{percent(share.max())}, {percent(overall)} over all."
    )
    subtitle = (
        f"at or above {threshold:g}  ·  bars are 95% intervals: wide where predictions are few"
    )
    return Picture("share-accepted", title, subtitle, alt, table, draw)
