"""Plot what each threshold would cost."""

import pandas as pd
from matplotlib.figure import Figure

from analysis.plots.style import ACCEPTED, INK, REJECTED, Plot, band, legend, mark
from analysis.threshold import MARKED, Choice


def plot(choice: Choice, *, lowest: float) -> Plot:
    """Plot the cost over the threshold, with the current, the cheapest and the marked ones.

    `lowest` is the lowest confidence, below which every threshold accepts everything.
    """
    best, present = choice.cheapest.value, choice.present
    named = sorted({*MARKED, present, best})
    left = max(0.0, min(lowest, *named) - 0.05)
    shown = choice.thresholds >= left

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        x, high = choice.thresholds[shown], choice.cost_high[shown]
        band(axes, x, choice.cost_low[shown], high, label="95% interval")
        axes.plot(x, choice.cost[shown], color=ACCEPTED, linewidth=3)
        others = [value for value in named if value not in (present, best)]
        label = ", ".join(f"{value:g}" for value in others)
        mark(axes, [(value, choice.at(value).value) for value in others], "o", ACCEPTED, label)
        mark(axes, [(present, choice.at(present).value)], "D", REJECTED, f"now: {present:g}")
        mark(axes, [(best, choice.at(best).value)], "*", INK, f"cheapest: {best:g}")
        axes.set(xlim=(left, 1.0))
        axes.set_ylim(0, max(1.0, 1.05 * float(high.max())))
        axes.set_xlabel("confidence threshold")
        axes.set_ylabel("expected cost of 1,000 pictures")
        legend(axes)

    rows = []
    for value in named:
        now, cheapest = " (now)" * (value == present), " (cheapest)" * (value == best)
        cost = choice.at(value)
        bounds = f"{cost.low:,.0f} to {cost.high:,.0f}"
        rows.append([f"{value:g}{now}{cheapest}", f"{cost.value:,.0f}", bounds])
    parts = [f"{name}: {cost}" for name, cost, _ in rows]
    return Plot(
        "threshold-cost",
        "Cost of 1,000 pictures by threshold",
        f"a wrong routing costs {choice.costs.wrong_routing:g}, a hand check "
        f"{choice.costs.hand_check:g}  ·  labelled records: {choice.records:,}, wrong: "
        f"{choice.wrong:,}",
        f"Expected cost of 1,000 pictures by threshold: {'; '.join(parts)}.",
        pd.DataFrame(rows, columns=["threshold", "cost of 1,000 pictures", "95% interval"]),
        draw,
    )
