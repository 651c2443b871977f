"""Confidence of the predictions of each class."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.metrics import Floats
from analysis.plots.style import INK, TEXT_SIZE, Plot, class_colours, counted, percent, short_names

BINS = 20


def plot(seen: pd.DataFrame, *, classes: Sequence[str], threshold: float) -> Plot:
    """Plot a histogram for each of the most frequent predicted classes, one below the other."""
    values = [
        seen.loc[seen["best_class"] == index, "confidence"].to_numpy(float)
        for index in range(len(classes))
    ]
    colours = class_colours([each.size for each in values])
    names = short_names([classes[index] for index in colours])
    # Leave room below 1 if everything is certain and the threshold is 1.
    lowest = min(float(seen["confidence"].min()), threshold, 0.95)
    edges = np.linspace(np.floor(lowest * 20) / 20, 1, BINS + 1)

    def draw(figure: Figure) -> None:
        rows = figure.subplots(len(colours), sharex=True, squeeze=False)[:, 0]
        for axes, name, (index, colour) in zip(rows, names, colours.items(), strict=True):
            axes.hist(values[index], edges.tolist(), color=colour, rwidth=0.95)
            axes.axvline(threshold, color=INK, linestyle="--", linewidth=2)
            axes.yaxis.set_major_locator(MaxNLocator(nbins=3, integer=True, min_n_ticks=1))
            axes.set(xlim=(edges[0], edges[-1]))
            axes.set_ylim(0, None if values[index].size else 1)
            title = f"{name}: {counted(values[index].size, 'prediction')}"
            if values[index].size:
                title += f", {percent((values[index] >= threshold).mean())} accepted"
            axes.set_title(title, loc="left", fontsize=TEXT_SIZE)
        rows[-1].set_xlabel("confidence of the best class")
        figure.supylabel("predictions", fontsize=TEXT_SIZE)

    rows = [_row(name, each, threshold) for name, each in zip(classes, values, strict=True)]
    columns = ["predicted class", "predictions", "median confidence", "at or above the threshold"]
    parts = [
        f"{rows[index][0]}: {counted(values[index].size, 'prediction')}"
        + (f", median {rows[index][2]}" if rows[index][2] else "")
        for index in colours
    ]
    subtitle = f"predictions: {len(seen):,}  ·  dashed: the threshold of {threshold:g}"
    if len(colours) < len(classes):
        subtitle += f"  ·  the {len(colours)} most frequent of {len(classes)} classes"
    return Plot(
        "confidence-per-class",
        "Confidence by predicted class",
        subtitle,
        f"Histograms of confidence, by predicted class. {'; '.join(parts)}.",
        pd.DataFrame(rows, columns=columns),
        draw,
    )


def _row(name: str, values: Floats, threshold: float) -> list[str]:
    if not values.size:
        return [name, "0", "", ""]
    share = percent((values >= threshold).mean())
    return [name, f"{values.size:,}", f"{np.median(values):.3f}", share]
