"""What the truth says of the predictions: pure functions on arrays of one element a record.

Weights are those of a sample that was not drawn evenly (`analysis.sample`): how many records
each one stands for. Without them every record counts the same.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

LEVEL = 0.95
"""Of every interval here."""

MOST_BINS = 10
RECORDS_PER_BIN = 5

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Share:
    """A share of records, 0 to 1, with its interval."""

    value: float
    low: float
    high: float
    records: int
    """How many records it was estimated from."""


@dataclass(frozen=True)
class Bin:
    """Records of similar confidence."""

    low: float
    high: float
    confidence: float
    """Their mean."""
    accuracy: Share


@dataclass(frozen=True)
class Calibration:
    """Whether, of the predictions with a confidence of 0.9, nine in ten are right."""

    bins: tuple[Bin, ...]
    error: float
    """Expected calibration error: the mean distance between a bin's confidence and its accuracy,
    each bin by its share of the records. Chance alone makes it larger with fewer records."""


@dataclass(frozen=True)
class Accepted:
    """What is accepted at one threshold."""

    threshold: float
    share: Share
    """Of all records."""
    accuracy: Share | None
    """Of those that are accepted; None if none is."""


def wilson(successes: ArrayLike, trials: ArrayLike) -> tuple[Floats, Floats]:
    """Bounds of Wilson's score interval, element by element; trials are above 0.

    For whole numbers it is `scipy.stats.binomtest(...).proportion_ci(method="wilson")`, which
    takes neither arrays nor the fractions that weights give.
    """
    n = np.asarray(trials, dtype=float)
    p = np.asarray(successes, dtype=float) / n
    z = norm.ppf((1 + LEVEL) / 2)
    centre = p + z**2 / (2 * n)
    half = z * np.sqrt(p * (1 - p) / n + (z / (2 * n)) ** 2)
    scale = 1 + z**2 / n
    return np.clip((centre - half) / scale, 0, 1), np.clip((centre + half) / scale, 0, 1)


def share(hits: Flags, weights: Floats | None = None) -> Share | None:
    """Share of records that are hits; None if there are no records.

    With weights the interval is Wilson's for Kish's effective number of records, (sum w)^2 /
    sum w^2. That gives no credit for sampling by strata, so it is rather too wide than too narrow.
    """
    if not hits.size:
        return None
    weight = np.ones(hits.size) if weights is None else weights
    effective = weight.sum() ** 2 / (weight**2).sum()
    value = float(weight[hits].sum() / weight.sum())
    low, high = wilson(value * effective, effective)
    return Share(value, float(low), float(high), hits.size)


def confusion(
    truth: NDArray[np.integer], predicted: NDArray[np.integer], *, classes: int
) -> NDArray[np.int64]:
    """Records by true class (row) and predicted class (column); not weighted."""
    cells = np.bincount(truth * classes + predicted, minlength=classes**2)
    return cells.reshape(classes, classes)


def calibration(confidence: Floats, right: Flags, weights: Floats | None = None) -> Calibration:
    """Accuracy by confidence, in at most `MOST_BINS` bins of about as many records each.

    Bins of equal width would leave most of them with a handful of records: confidences crowd
    below 1. Needs at least one record.
    """
    weight = np.ones(right.size) if weights is None else weights
    wanted = int(np.clip(right.size // RECORDS_PER_BIN, 1, MOST_BINS))
    edges = np.unique(np.quantile(confidence, np.linspace(0, 1, wanted + 1)))
    cell = np.clip(np.searchsorted(edges, confidence, side="right") - 1, 0, max(edges.size - 2, 0))
    bins, error = [], 0.0
    for number in np.unique(cell):
        inside = cell == number
        mean = float(np.average(confidence[inside], weights=weight[inside]))
        accuracy = share(right[inside], weight[inside])
        assert accuracy is not None  # np.unique gives no empty cell
        bounds = float(confidence[inside].min()), float(confidence[inside].max())
        bins.append(Bin(*bounds, mean, accuracy))
        error += float(weight[inside].sum() / weight.sum()) * abs(accuracy.value - mean)
    return Calibration(tuple(bins), error)


def accepted(
    confidence: Floats, right: Flags, thresholds: Floats, weights: Floats | None = None
) -> tuple[Accepted, ...]:
    """What each threshold would accept, and how much of that is right. Needs a record."""
    found = []
    for threshold in thresholds:
        passes = confidence >= threshold
        of_all = share(passes, weights)
        assert of_all is not None  # there are records
        accuracy = share(right[passes], None if weights is None else weights[passes])
        found.append(Accepted(float(threshold), of_all, accuracy))
    return tuple(found)
