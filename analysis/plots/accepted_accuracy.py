"""Plot what a higher threshold buys: accuracy of accepted predictions against their share."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from analysis.metrics import Accepted
from analysis.plots import time_axis
from analysis.plots.style import ACCEPTED, REJECTED, Plot, band, interval, legend, mark, percent


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
        places = {
            each.threshold: (each.share.value, each.accuracy.value)
            for each in named
            if each.accuracy
        }
        now = [places.pop(present)] if present in places else []
        if places:
            others = ", ".join(f"{value:g}" for value in places)
            mark(axes, list(places.values()), "o", ACCEPTED, f"{others} (right to left)")
        none = "" if now else ", accepts none"
        mark(axes, now, "D", REJECTED, f"now: {present:g}{none}")
        legend(axes)
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


def _row(each: Accepted, present: float) -> list[str]:
    now = " (now)" if each.threshold == present else ""
    row = [f"{each.threshold:g}{now}", percent(each.share.value)]
    if each.accuracy is None:
        return [*row, "none", "", "0"]
    bounds = interval(each.accuracy.low, each.accuracy.high)
    return [*row, percent(each.accuracy.value), bounds, f"{each.accuracy.records:,}"]
