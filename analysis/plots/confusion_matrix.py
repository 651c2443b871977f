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
    short_names,
)

MOST_WRITTEN = 6
"""Classes; with more of them the numbers do not fit into the cells."""
MOST_DRAWN = 20
"""Classes; of more of them, those with the most mistakes are drawn."""
DARK_BLUE = 0.85
"""Share from which white is easier to read on its blue than ink."""


def plot(matrix: NDArray[np.int64], *, classes: Sequence[str]) -> Plot:
    """Plot counts by true class (row) and predicted class (column), shaded by share of the row."""
    records, correct = int(matrix.sum()), int(np.trace(matrix))
    drawn = _drawn(matrix)
    counts, totals = matrix[np.ix_(drawn, drawn)], matrix.sum(axis=1)[drawn]
    shares = counts / np.maximum(totals, 1)[:, None]
    names = [classes[index] for index in drawn]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        # Transparent where the share is small, because paper is light or dark.
        colours = to_rgba_array(ACCEPTED, shares.ravel()).reshape(*shares.shape, 4)
        axes.imshow(colours, aspect="auto", interpolation="none")
        axes.grid(visible=False)
        axes.set_xlabel("predicted class")
        axes.set_ylabel("true class")
        _name_classes(axes, names, min(TEXT_SIZE, 36 * figure.get_figheight() / len(names)))
        if len(names) <= MOST_WRITTEN:
            for row, column in np.ndindex(*counts.shape):
                ink = "#ffffff" if shares[row, column] > DARK_BLUE else INK
                share = percent(float(shares[row, column])) if totals[row] else "none"
                text = f"{counts[row, column]:,}\n{share}"
                axes.text(column, row, text, ha="center", va="center", color=ink)

    height: float = PAGE_HEIGHT
    if len(names) <= MOST_WRITTEN:
        height = max(height, 3 + 0.7 * len(names))
    else:
        height = max(height, 4 + 0.3 * len(names))
    subtitle = f"labelled records: {records:,}  ·  correct: {correct:,}, on the diagonal"
    if len(names) < len(classes):
        subtitle += f"  ·  the {len(names)} of {len(classes)} classes with the most mistakes"
    return Plot(
        "confusion-matrix",
        "True and predicted classes",
        subtitle,
        f"Confusion matrix of {counted(records, 'labelled record')}, {correct:,} of them correct. "
        f"{_worst(matrix, classes)}",
        _whole(matrix, classes) if len(names) == len(classes) else _by_class(matrix, classes),
        draw,
        height,
    )


def _drawn(matrix: NDArray[np.int64]) -> list[int]:
    """Return the classes to draw, in their order."""
    mistakes = matrix.sum(axis=0) + matrix.sum(axis=1) - 2 * np.diag(matrix)
    most = np.argsort(-mistakes, kind="stable")[:MOST_DRAWN]
    return sorted(int(index) for index in most)


def _whole(matrix: NDArray[np.int64], classes: Sequence[str]) -> pd.DataFrame:
    rows = [[f"{count:,}" for count in row] for row in matrix]
    table = pd.DataFrame(rows, columns=[f"predicted {name}" for name in classes])
    table.insert(0, "true class", list(classes))
    return table


def _by_class(matrix: NDArray[np.int64], classes: Sequence[str]) -> pd.DataFrame:
    """Return what became of the records of each class; the matrix would have too many columns."""
    rows = []
    for index, (name, row) in enumerate(zip(classes, matrix, strict=True)):
        total, correct = int(row.sum()), int(row[index])
        wrong = row.copy()
        wrong[index] = 0
        worst = f"{classes[int(wrong.argmax())]}: {wrong.max():,}" if wrong.any() else ""
        share = percent(correct / total) if total else ""
        rows.append([name, f"{total:,}", f"{correct:,}", share, worst])
    columns = ["true class", "records", "correct", "share", "most often taken for"]
    return pd.DataFrame(rows, columns=columns)


def _name_classes(axes: Axes, classes: Sequence[str], size: float) -> None:
    names, places = short_names(classes), range(len(classes))
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
