"""Plot which classes are mistaken for which."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure
from numpy.typing import NDArray

from analysis.plots.style import (
    ACCEPTED,
    INK,
    PAGE_HEIGHT,
    TEXT_SIZE,
    Plot,
    counted,
    percent,
    short,
)

MOST_WRITTEN = 6
"""Classes; with more of them the numbers do not fit into the cells."""
MOST_NAMED = 20
DARK_BLUE = 0.85
"""Share from which white is easier to read on its blue than ink."""


def plot(matrix: NDArray[np.int64], *, classes: Sequence[str]) -> Plot:
    """Plot counts by true class (row) and predicted class (column), shaded by share of the row."""
    totals = matrix.sum(axis=1, keepdims=True)
    shares = matrix / np.maximum(totals, 1)
    records, correct = int(matrix.sum()), int(np.trace(matrix))

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        # Transparent where the share is small, because paper is light or dark.
        colours = to_rgba_array(ACCEPTED, shares.ravel()).reshape(*shares.shape, 4)
        axes.imshow(colours, aspect="auto", interpolation="none")
        axes.grid(visible=False)
        axes.set_xlabel("predicted class")
        axes.set_ylabel("true class")
        if len(classes) <= MOST_NAMED:
            _name_classes(axes, classes, min(TEXT_SIZE, 36 * figure.get_figheight() / len(classes)))
        if len(classes) <= MOST_WRITTEN:
            for row, column in np.ndindex(*matrix.shape):
                ink = "#ffffff" if shares[row, column] > DARK_BLUE else INK
                share = percent(shares[row, column]) if totals[row, 0] else "none"
                text = f"{matrix[row, column]:,}\n{share}"
                axes.text(column, row, text, ha="center", va="center", color=ink)

    rows = [[f"{count:,}" for count in row] for row in matrix]
    table = pd.DataFrame(rows, columns=[f"predicted {name}" for name in classes])
    table.insert(0, "true class", list(classes))
    height: float = PAGE_HEIGHT
    if len(classes) <= MOST_WRITTEN:
        height = max(height, 3 + 0.7 * len(classes))
    elif len(classes) <= MOST_NAMED:
        height = max(height, 4 + 0.3 * len(classes))
    return Plot(
        "confusion-matrix",
        "True and predicted classes",
        f"labelled records: {records:,}  ·  correct: {correct:,}, on the diagonal",
        f"Confusion matrix of {counted(records, 'labelled record')}, {correct:,} of them correct. "
        f"{_worst(matrix, classes)}",
        table,
        draw,
        height,
    )


def _name_classes(axes: Axes, classes: Sequence[str], size: float) -> None:
    names, places = [short(name) for name in classes], range(len(classes))
    axes.set_yticks(places, names, fontsize=size)
    if len(classes) <= 2:
        axes.set_xticks(places, names)
    else:
        turned = 30 if len(classes) <= MOST_WRITTEN else 90
        axes.set_xticks(places, names, fontsize=size, rotation=turned)
        for label in axes.get_xticklabels():
            label.set(ha="right", va="center", rotation_mode="anchor")


def _worst(matrix: NDArray[np.int64], classes: Sequence[str]) -> str:
    wrong = matrix - np.diag(np.diag(matrix))
    if not wrong.any():
        return "No class was mistaken for another."
    row, column = divmod(int(wrong.argmax()), len(classes))
    count = counted(int(wrong[row, column]), "time")
    return f"The most frequent mistake: {classes[row]} taken for {classes[column]}, {count}."
