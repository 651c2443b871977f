"""Which classes are taken for which."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from monitoring.figures.style import ACCEPTED, Picture, Theme, canvas, counted, percent, short

TITLE = "True class and predicted class"
MOST_WRITTEN = 8
"""Classes; with more of them the numbers do not fit into the cells."""
MOST_NAMED = 30


def picture(matrix: NDArray[np.int64], *, classes: Sequence[str]) -> Picture:
    """Draw counts by true class (row) and predicted class (column), shaded by share of the row."""
    totals = matrix.sum(axis=1, keepdims=True)
    shares = matrix / np.maximum(totals, 1)
    records, right = int(matrix.sum()), int(np.trace(matrix))

    def draw(theme: Theme) -> Figure:
        subtitle = f"records with a known truth: {records:,}  ·  right: {right:,}, on the diagonal"
        figure = canvas(TITLE, subtitle, theme)
        axes = figure.add_axes((0.25, 0.13, 0.5, 0.69))
        colours = LinearSegmentedColormap.from_list("paper to blue", [theme.paper, ACCEPTED])
        axes.imshow(shares, cmap=colours, vmin=0, vmax=1, aspect="auto")
        axes.grid(visible=False)
        axes.set_xlabel("predicted class")
        axes.set_ylabel("true class")
        if len(classes) <= MOST_NAMED:
            small = 18 if len(classes) <= MOST_WRITTEN else 11
            names, places = [short(name) for name in classes], range(len(classes))
            turned = 0 if len(classes) <= 3 else 30
            axes.set_xticks(places, names, fontsize=small, rotation=turned)
            axes.set_yticks(places, names, fontsize=small)
        if len(classes) <= MOST_WRITTEN:
            for row, column in np.ndindex(*matrix.shape):
                ink = "#FFFFFF" if shares[row, column] > 0.5 else theme.ink
                share = percent(shares[row, column]) if totals[row, 0] else "none"
                text = f"{matrix[row, column]:,}\n{share}"
                axes.text(column, row, text, ha="center", va="center", color=ink)
        return figure

    table = pd.DataFrame(
        [
            [name, *(f"{count:,}" for count in row)]
            for name, row in zip(classes, matrix, strict=True)
        ],
        columns=["true class", *(f"predicted {name}" for name in classes)],
    )
    alt = (
        f"Confusion matrix of {counted(records, 'record')} with a known truth, {right:,} of them "
        f"right. "
        f"{_worst(matrix, classes)}"
    )
    return Picture("confusion-matrix", TITLE, alt, table, draw)


def _worst(matrix: NDArray[np.int64], classes: Sequence[str]) -> str:
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    if not wrong.any():
        return "No class was taken for another."
    row, column = divmod(int(wrong.argmax()), len(classes))
    count = counted(int(wrong[row, column]), "time")
    return f"The most frequent mistake: {classes[row]} taken for {classes[column]}, {count}."
