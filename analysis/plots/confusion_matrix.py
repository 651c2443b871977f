"""Which classes are taken for which."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure
from numpy.typing import NDArray

from analysis.plots.style import (
    ACCEPTED,
    INK,
    PAGE_HEIGHT,
    TEXT_SIZE,
    Picture,
    counted,
    percent,
    short,
)

TITLE = "True class and predicted class"
MOST_WRITTEN = 6
"""Classes; with more of them the numbers do not fit into the cells."""
MOST_NAMED = 20
DARK_BLUE = 0.85
"""Share from which white is easier to read on its blue than ink."""


def picture(matrix: NDArray[np.int64], *, classes: Sequence[str]) -> Picture:
    """Draw counts by true class (row) and predicted class (column), shaded by share of the row."""
    totals = matrix.sum(axis=1, keepdims=True)
    shares = matrix / np.maximum(totals, 1)
    records, right = int(matrix.sum()), int(np.trace(matrix))

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        # Transparent where the share is small: paper is light or dark.
        colours = to_rgba_array(ACCEPTED, shares.ravel()).reshape(*shares.shape, 4)
        axes.imshow(colours, aspect="auto", interpolation="none")
        axes.grid(visible=False)
        axes.set_xlabel("predicted class")
        axes.set_ylabel("true class")
        if len(classes) <= MOST_NAMED:
            size = min(TEXT_SIZE, 36 * figure.get_figheight() / len(classes))
            names, places = [short(name) for name in classes], range(len(classes))
            if len(classes) <= 2:
                axes.set_xticks(places, names)
            else:
                turned = 30 if len(classes) <= MOST_WRITTEN else 90
                axes.set_xticks(
                    places,
                    names,
                    fontsize=size,
                    rotation=turned,
                    ha="right",
                    va="center",
                    rotation_mode="anchor",
                )
            axes.set_yticks(places, names, fontsize=size)
        if len(classes) <= MOST_WRITTEN:
            for row, column in np.ndindex(*matrix.shape):
                ink = "#ffffff" if shares[row, column] > DARK_BLUE else INK
                share = percent(shares[row, column]) if totals[row, 0] else "none"
                text = f"{matrix[row, column]:,}\n{share}"
                axes.text(column, row, text, ha="center", va="center", color=ink)

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
    subtitle = f"records with a known truth: {records:,}  ·  right: {right:,}, on the diagonal"
    height: float = PAGE_HEIGHT
    if len(classes) <= MOST_WRITTEN:
        height = max(height, 3 + 0.7 * len(classes))
    elif len(classes) <= MOST_NAMED:
        height = max(height, 4 + 0.3 * len(classes))
    return Picture("confusion-matrix", TITLE, subtitle, alt, table, draw, height)


def _worst(matrix: NDArray[np.int64], classes: Sequence[str]) -> str:
    wrong = matrix.copy()
    np.fill_diagonal(wrong, 0)
    if not wrong.any():
        return "No class was taken for another."
    row, column = divmod(int(wrong.argmax()), len(classes))
    count = counted(int(wrong[row, column]), "time")
    return f"The most frequent mistake: {classes[row]} taken for {classes[column]}, {count}."
