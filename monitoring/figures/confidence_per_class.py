"""How confident the model is of each class it predicts."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from monitoring.figures.style import (
    Picture,
    Theme,
    canvas,
    class_colours,
    counted,
    percent,
    short,
)

TITLE = "Confidence by predicted class"
BINS = 20
TOP, BOTTOM, GAP = 0.82, 0.12, 0.03  # of the figure's height


def picture(seen: pd.DataFrame, *, classes: Sequence[str], threshold: float) -> Picture:
    """Draw a histogram for each of the most frequent predicted classes, one below the other."""
    counts = [int((seen["best_class"] == index).sum()) for index in range(len(classes))]
    colours = class_colours(counts)
    groups = {
        index: seen.loc[seen["best_class"] == index, "confidence"].to_numpy() for index in colours
    }
    lowest = min(float(seen["confidence"].min()), threshold)
    edges = np.linspace(np.floor(lowest * 20) / 20, 1, BINS + 1)

    def draw(theme: Theme) -> Figure:
        hidden = len(classes) - len(groups)
        note = f"  ·  the {len(groups)} most frequent of {len(classes)} classes" if hidden else ""
        figure = canvas(TITLE, f"predictions: {len(seen):,}{note}", theme)
        height = (TOP - BOTTOM + GAP) / len(groups) - GAP
        for row, (index, values) in enumerate(groups.items()):
            bottom = TOP - (row + 1) * height - row * GAP
            axes = figure.add_axes((0.075, bottom, 0.685, height))
            axes.hist(values, edges.tolist(), color=colours[index], edgecolor=theme.paper)
            axes.axvline(threshold, color=theme.ink, linestyle="--", linewidth=2)
            axes.yaxis.set_major_locator(MaxNLocator(nbins=3, integer=True, min_n_ticks=1))
            axes.set(xlim=(edges[0], edges[-1]))
            axes.set_ylim(0, None if values.size else 1)
            axes.tick_params(labelbottom=row == len(groups) - 1)
            _describe(axes, classes[index], values, threshold)
            if row == 0:
                axes.annotate(
                    f"threshold {threshold:g}",
                    (threshold, 1.0),
                    xycoords=("data", "axes fraction"),
                    xytext=(0, 6),
                    textcoords="offset points",
                    ha="right",
                )
        axes.set_xlabel("confidence of the best class")
        figure.supylabel("predictions", x=0.012, y=(TOP + BOTTOM) / 2, fontsize=18)
        return figure

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
    return Picture("confidence-per-class", TITLE, alt, table, draw)


def _describe(axes: Axes, name: str, values: np.ndarray, threshold: float) -> None:
    said = [short(name), counted(values.size, "prediction")]
    if values.size:
        said.append(f"{percent(float((values >= threshold).mean()))} accepted")
    axes.annotate(
        "\n".join(said),
        (1.0, 0.5),
        xycoords="axes fraction",
        xytext=(16, 0),
        textcoords="offset points",
        va="center",
    )


def _row(name: str, chosen: pd.DataFrame, threshold: float) -> list[str]:
    if chosen.empty:
        return [name, "0", "", ""]
    share = float((chosen["confidence"] >= threshold).mean())
    return [name, f"{len(chosen):,}", f"{chosen['confidence'].median():.3f}", percent(share)]
