"""What a higher threshold buys: accuracy of the accepted predictions against their share."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from analysis.metrics import Accepted
from analysis.plots import time_axis
from analysis.plots.style import ACCEPTED, MUTED, REJECTED, Plot, band, interval, percent


def plot(curve: Sequence[Accepted], *, marked: Sequence[float], present: float) -> Plot:
    """Plot the curve over all thresholds, with those of `marked` and the current one.

    `curve` contains every threshold of `marked`, and `present`.
    """
    named = [each for each in curve if each.threshold in {*marked, present}]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        points = np.array(
            [
                (each.share.value, each.accuracy.value, each.accuracy.low, each.accuracy.high)
                for each in curve
                if each.accuracy
            ]
        )
        shares, accuracy, low, high = points.T
        band(axes, shares, low, high)
        axes.plot(shares, accuracy, color=ACCEPTED, linewidth=3)
        axes.set(xlim=(0, 1.0), ylim=(max(0.0, float(np.floor(low.min() * 10) / 10)), 1))
        _mark(axes, named, present)
        axes.xaxis.set_major_formatter(PercentFormatter(xmax=1))
        time_axis.percentages(axes)
        axes.set_xlabel("share of the predictions that is accepted")
        axes.set_ylabel("share of the accepted that is correct")

    table = pd.DataFrame(
        [_row(each, present) for each in named],
        columns=["threshold", "accepted", "correct", "95% interval", "records accepted"],
    )
    parts = [f"at {row[0]} {row[1]} are accepted, {row[2]} correct" for row in table.to_numpy()]
    return Plot(
        "accepted-accuracy",
        "Accuracy of the accepted predictions",
        "each point is a threshold; the band is the 95% interval",
        f"Accuracy of the accepted predictions against their share: {'; '.join(parts)}.",
        table,
        draw,
    )


def _name(each: Accepted, present: float) -> str:
    return f"{each.threshold:g}{' (now)' if each.threshold == present else ''}"


def _mark(axes: Axes, named: Sequence[Accepted], present: float) -> None:
    """Mark thresholds; those that accept the same records share a point and a label."""
    labels: dict[tuple[float, float], list[str]] = {}
    for each in named:
        if each.accuracy:
            place = each.share.value, each.accuracy.value
            labels.setdefault(place, []).append(_name(each, present))
    if not labels:  # none of these thresholds accepts anything
        return
    # Stack the labels away from the curve, so that none is crossed by the line to a point.
    side = "right" if max(labels)[0] > 0.5 else "left"
    below = np.mean(list(labels), axis=0)[1] > np.mean(axes.get_ylim())
    for level, place in enumerate(sorted(labels, reverse=side == "right")):
        text = ", ".join(labels[place])
        shape, colour = ("D", REJECTED) if "(now)" in text else ("o", ACCEPTED)
        axes.plot(*place, shape, color=colour, markersize=14, clip_on=False, zorder=4)
        height = 0.04 + 0.08 * level
        axes.annotate(
            f"\N{NO-BREAK SPACE}{text}\N{NO-BREAK SPACE}",
            place,
            xytext=(place[0], height if below else 1 - height),
            textcoords=("data", "axes fraction"),
            ha=side,
            va="center",
            arrowprops={"arrowstyle": "-", "color": MUTED, "relpos": (side == "right", 0.5)},
        )


def _row(each: Accepted, present: float) -> list[str]:
    row = [_name(each, present), percent(each.share.value)]
    if each.accuracy is None:
        return [*row, "none", "", "0"]
    bounds = interval(each.accuracy.low, each.accuracy.high)
    return [*row, percent(each.accuracy.value), bounds, f"{each.accuracy.records:,}"]
