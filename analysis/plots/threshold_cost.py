"""What each threshold would cost."""

import pandas as pd
from matplotlib.figure import Figure

from analysis.plots.style import ACCEPTED, INK, REJECTED, Picture, legend
from analysis.threshold import MARKED, Choice

TITLE = "Cost of 1,000 pictures by threshold"


def picture(choice: Choice, *, lowest: float) -> Picture:
    """Draw the cost over the threshold, with the present, the cheapest and the marked ones.

    Args:
        choice: the costs.
        lowest: lowest confidence there is: below it every threshold accepts all.
    """
    best, present = choice.cheapest, choice.present
    left = max(0.0, min(lowest, *MARKED, present, best.value) - 0.05)
    shown = choice.thresholds >= left

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        x = choice.thresholds[shown]
        axes.fill_between(
            x,
            choice.cost_low[shown],
            choice.cost_high[shown],
            color=ACCEPTED,
            alpha=0.2,
            linewidth=0,
            label="95% interval",
        )
        axes.plot(x, choice.cost[shown], color=ACCEPTED, linewidth=3)
        others = [value for value in MARKED if value not in (present, best.value)]
        axes.plot(
            others,
            [choice.at(value).value for value in others],
            "o",
            color=ACCEPTED,
            markersize=11,
            zorder=4,
            label=", ".join(f"{value:.2f}" for value in others),
        )
        axes.plot(
            present,
            choice.at(present).value,
            "D",
            color=REJECTED,
            markersize=14,
            zorder=5,
            clip_on=False,
            label=f"now: {present:g}",
        )
        axes.plot(
            best.value,
            choice.at(best.value).value,
            "*",
            color=INK,
            markersize=20,
            zorder=6,
            clip_on=False,
            label=f"cheapest: {best.value:g}",
        )
        axes.set(xlim=(left, 1.0))
        axes.set_ylim(0, max(1.0, 1.05 * float(choice.cost_high[shown].max())))
        axes.set_xlabel("confidence threshold")
        axes.set_ylabel("expected cost of 1,000 pictures")
        legend(axes)

    names = {value: f"{value:g}" for value in sorted({*MARKED, present, best.value})}
    names[present] += " (now)"
    names[best.value] += " (cheapest)"
    table = pd.DataFrame(
        [
            [name, f"{cost.value:,.0f}", f"{cost.low:,.0f} to {cost.high:,.0f}"]
            for name, cost in ((name, choice.at(value)) for value, name in names.items())
        ],
        columns=["threshold", "cost of 1,000 pictures", "95% interval"],
    )
    parts = [f"{row[0]}: {row[1]}" for row in table.to_numpy()]
    alt = f"Expected cost of 1,000 pictures by threshold: {'; '.join(parts)}."
    subtitle = (
        f"a wrong routing costs {choice.costs.wrong_routing:g}, a hand check "
        f"{choice.costs.hand_check:g}  ·  "
        f"records with a known truth: {choice.records:,}, wrong: {choice.wrong:,}"
    )
    return Picture("threshold-cost", TITLE, subtitle, alt, table, draw)
