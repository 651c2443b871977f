"""How confident the model is of each class it predicts."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.plots.style import (
    INK,
    TEXT_SIZE,
    Picture,
    class_colours,
    counted,
    percent,
    short,
)

TITLE = "Confidence by predicted class"
BINS = 20


def picture(seen: pd.DataFrame, *, classes: Sequence[str], threshold: float) -> Picture:
    """Draw a histogram for each of the most frequent predicted classes, one below the other."""
    counts = [int((seen["best_class"] == index).sum()) for index in range(len(classes))]
    colours = class_colours(counts)
    groups = {
        index: seen.loc[seen["best_class"] == index, "confidence"].to_numpy() for index in colours
    }
    # Room below 1 where all is sure, and the threshold is 1.
    lowest = min(float(seen["confidence"].min()), threshold, 0.95)
    edges = np.linspace(np.floor(lowest * 20) / 20, 1, BINS + 1)

    def draw(figure: Figure) -> None:
        rows = figure.subplots(len(groups), sharex=True, squeeze=False)[:, 0]
        for axes, (index, values) in zip(rows, groups.items(), strict=True):
            axes.hist(values, edges.tolist(), color=colours[index], rwidth=0.95)
            axes.axvline(threshold, color=INK, linestyle="--", linewidth=2)
            axes.yaxis.set_major_locator(MaxNLocator(nbins=3, integer=True, min_n_ticks=1))
            axes.set(xlim=(edges[0], edges[-1]))
            axes.set_ylim(0, None if values.size else 1)
            title = _describe(classes[index], values, threshold)
            axes.set_title(title, loc="left", fontsize=TEXT_SIZE)
        rows[-1].set_xlabel("confidence of the best class")
        figure.supylabel("predictions", fontsize=TEXT_SIZE)

    table = pd.DataFrame(
        [
            _row(name, seen[seen["best_class"] == index], threshold)
            for index, name in enumerate(classes)
        ],
        columns=[
            "predicted class",
            "predictions",
            "median confidence",
            "at or above the threshold",
        ],
    )
    parts = [
        f"{classes[index]}: {counted(values.size, 'prediction')}"
        + (f", median {np.median(values):.3f}" if values.size else "")
        for index, values in groups.items()
    ]
    alt = f"Histograms of confidence, by predicted class. {'; '.join(parts)}."
    subtitle = f"predictions: {len(seen):,}  ·  dashed: the threshold of {threshold:g}"
    if len(groups) < len(classes):
        subtitle += f"  ·  the {len(groups)} most frequent of {len(classes)} classes"
    return Picture("confidence-per-class", TITLE, subtitle, alt, table, draw)


def _describe(name: str, values: np.ndarray, threshold: float) -> str:
    said = f"{short(name)}: {counted(values.size, 'prediction')}"
    if values.size:
        said += f", {percent(float((values >= threshold).mean()))} accepted"
    return said


def _row(name: str, chosen: pd.DataFrame, threshold: float) -> list[str]:
    if chosen.empty:
        return [name, "0", "", ""]
    share = float((chosen["confidence"] >= threshold).mean())
    return [name, f"{len(chosen):,}", f"{chosen['confidence'].median():.3f}", percent(share)]
