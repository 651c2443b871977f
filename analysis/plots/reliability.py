"""Whether confidence means what it says."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis.metrics import Calibration
from analysis.plots import time_axis
from analysis.plots.style import ACCEPTED, MUTED, Picture, counted, legend, percent

TITLE = "Is the confidence justified?"
LINE = "as often right as confident; below: too confident"


def picture(found: Calibration) -> Picture:
    """Draw accuracy against confidence, one point a bin, beside the line where they are equal."""
    records = sum(each.accuracy.records for each in found.bins)
    mean = np.array([each.confidence for each in found.bins])
    value = np.array([each.accuracy.value for each in found.bins])
    low = np.array([each.accuracy.low for each in found.bins])
    high = np.array([each.accuracy.high for each in found.bins])

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=MUTED, linestyle="--", linewidth=2, label=LINE)
        axes.errorbar(
            mean,
            value,
            yerr=np.clip([value - low, high - value], 0, None),
            fmt="o",
            color=ACCEPTED,
            markersize=12,
            elinewidth=2.5,
            capsize=6,
            clip_on=False,
            zorder=3,
        )
        left = np.floor(max(0.0, mean.min() - 0.03) * 20) / 20
        axes.set(xlim=(left, 1), ylim=(0, 1))
        room = (1 - left) / 11
        written = -1.0
        for x, y, each in zip(mean, value, found.bins, strict=True):
            if x - written < room:
                continue  # it would stand on its neighbour; the table has it
            written = x
            low_down = y < 0.5
            axes.annotate(
                f"{each.accuracy.records:,}",
                (x, y),
                xytext=(9, 5 if low_down else -5),
                textcoords="offset points",
                va="bottom" if low_down else "top",
            )
        axes.set_xlabel("mean confidence of the group\n(the number beside a point: its records)")
        axes.set_ylabel("share that is right, with 95% interval")
        time_axis.percentages(axes)
        legend(axes)

    table = pd.DataFrame(
        [
            [
                f"{each.low:.3f} to {each.high:.3f}",
                f"{each.accuracy.records:,}",
                f"{each.confidence:.3f}",
                percent(each.accuracy.value),
                f"{percent(each.accuracy.low)} to {percent(each.accuracy.high)}",
            ]
            for each in found.bins
        ],
        columns=["confidence", "records", "mean confidence", "right", "95% interval"],
    )
    parts = [f"confidence {row[2]}: {row[3]} right" for row in table.to_numpy()]
    alt = f"Reliability diagram. Expected calibration error {found.error:.3f}. {'; '.join(parts)}."
    subtitle = (
        f"expected calibration error: {found.error:.3f}  ·  records with a known truth: "
        f"{records:,}, in {counted(len(found.bins), 'group')} of similar confidence"
    )
    return Picture("reliability", TITLE, subtitle, alt, table, draw)
