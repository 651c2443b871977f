"""What a higher threshold buys: accuracy among the accepted against the share accepted."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from analysis.metrics import Accepted
from analysis.plots import time_axis
from analysis.plots.style import ACCEPTED, MUTED, REJECTED, Picture, percent

TITLE = "Accuracy among the accepted"


def picture(curve: Sequence[Accepted], *, marked: Sequence[float], present: float) -> Picture:
    """Draw the curve over all thresholds, with those of `marked` and the present one.

    `curve` holds every threshold of `marked`, and `present`.
    """
    points = [each for each in curve if each.accuracy is not None]
    named = [each for each in curve if each.threshold in {*marked, present}]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        shares = [each.share.value for each in points]
        bounds = np.array(
            [
                (each.accuracy.value, each.accuracy.low, each.accuracy.high)
                for each in points
                if each.accuracy
            ]
        )
        axes.fill_between(
            shares, bounds[:, 1], bounds[:, 2], color=ACCEPTED, alpha=0.2, linewidth=0
        )
        axes.plot(shares, bounds[:, 0], color=ACCEPTED, linewidth=3)
        axes.set(xlim=(0, 1.0), ylim=(max(0.0, float(np.floor(bounds[:, 1].min() * 10) / 10)), 1))
        _mark(axes, named, present)
        axes.xaxis.set_major_formatter(PercentFormatter(xmax=1))
        time_axis.percentages(axes)
        axes.set_xlabel("share of the pictures that is accepted")
        axes.set_ylabel("share of the accepted that is right")

    table = pd.DataFrame(
        [_row(each, present) for each in named],
        columns=["threshold", "accepted", "right among them", "95% interval", "records accepted"],
    )
    parts = [f"at {row[0]} {row[1]} are accepted, {row[2]} right" for row in table.to_numpy()]
    alt = f"Accuracy among the accepted against the share accepted: {'; '.join(parts)}."
    subtitle = "each point is a threshold; the band is the 95% interval"
    return Picture("accepted-accuracy", TITLE, subtitle, alt, table, draw)


def _mark(axes: Axes, named: Sequence[Accepted], present: float) -> None:
    """Thresholds that accept the same records share a point, and a label."""
    labels: dict[tuple[float, float], list[str]] = {}
    for each in named:
        if each.accuracy:
            place = each.share.value, each.accuracy.value
            name = f"{each.threshold:g}"
            labels.setdefault(place, []).append(
                f"{name} (now)" if each.threshold == present else name
            )
    if not labels:  # none of these thresholds accepts anything
        return
    # Each label has a line of its own, away from the curve, where no line to a point crosses it.
    side = "right" if max(labels)[0] > 0.5 else "left"
    below = np.mean(list(labels), axis=0)[1] > np.mean(axes.get_ylim())
    for level, place in enumerate(sorted(labels, reverse=side == "right")):
        now = any(name.endswith("(now)") for name in labels[place])
        colour = REJECTED if now else ACCEPTED
        axes.plot(*place, "D" if now else "o", color=colour, markersize=14, clip_on=False, zorder=4)
        height = 0.04 + 0.08 * level
        axes.annotate(
            f"\N{NO-BREAK SPACE}{', '.join(labels[place])}\N{NO-BREAK SPACE}",
            place,
            xytext=(place[0], height if below else 1 - height),
            textcoords=("data", "axes fraction"),
            ha=side,
            va="center",
            arrowprops={"arrowstyle": "-", "color": MUTED, "relpos": (side == "right", 0.5)},
        )


def _row(each: Accepted, present: float) -> list[str]:
    name = f"{each.threshold:g}{' (now)' if each.threshold == present else ''}"
    if each.accuracy is None:
        return [name, percent(each.share.value), "none", "", "0"]
    interval = f"{percent(each.accuracy.low)} to {percent(each.accuracy.high)}"
    share, right = percent(each.share.value), percent(each.accuracy.value)
    return [name, share, right, interval, f"{each.accuracy.records:,}"]
