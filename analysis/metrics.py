"""Measure predictions against ground truth: pure functions on arrays of one element per record.

Weights belong to a sample that was not drawn evenly (`analysis.labelling`): how many records each
one stands for. Without them every record counts once.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field
from scipy.stats import norm

LEVEL = 0.95
"""Confidence level of every interval."""

MOST_BINS = 10
RECORDS_PER_BIN = 5

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, le=2**53)]
"""Above it a float cannot tell one count from the next."""


@dataclass(frozen=True)
class Share:
    """A share of records with its interval."""

    value: Fraction
    low: Fraction
    high: Fraction
    records: Count
    """How many records it was estimated from."""


@dataclass(frozen=True)
class Bin:
    """Records of similar confidence."""

    low: float
    high: float
    confidence: float
    """Mean confidence."""
    accuracy: Share


@dataclass(frozen=True)
class Calibration:
    """How well confidence predicts accuracy."""

    bins: tuple[Bin, ...]
    error: float
    """Expected calibration error: the mean distance between a bin's confidence and its accuracy,
    each bin by its share of the records. The fewer the records, the more of it is chance."""


@dataclass(frozen=True)
class Accepted:
    """Records accepted at one threshold."""

    threshold: float
    share: Share
    """Of all records."""
    accuracy: Share | None
    """Of the accepted records; None if there are none."""


def wilson(successes: ArrayLike, trials: ArrayLike) -> tuple[Floats, Floats]:
    """Return the bounds of Wilson's score interval, element by element; trials are above 0.

    For whole numbers they equal `scipy.stats.binomtest(...).proportion_ci(method="wilson")`, which
    takes neither arrays nor the fractions that weights lead to.
    """
    n = np.asarray(trials, dtype=float)
    p = np.asarray(successes, dtype=float) / n
    z = norm.ppf((1 + LEVEL) / 2)
    centre = p + z**2 / (2 * n)
    half = z * np.sqrt(p * (1 - p) / n + (z / (2 * n)) ** 2)
    scale = 1 + z**2 / n
    return np.clip((centre - half) / scale, 0, 1), np.clip((centre + half) / scale, 0, 1)


def share(hits: Flags, weights: Floats | None = None) -> Share | None:
    """Return the share of records that are hits; None if there are no records.

    With weights the interval is Wilson's for Kish's effective number of records, (sum w)^2 /
    sum w^2. That ignores the gain of sampling by strata, so it is rather too wide than too narrow.
    """
    if not hits.size:
        return None
    weight = np.ones(hits.size) if weights is None else weights
    effective = weight.sum() ** 2 / (weight**2).sum()
    value = min(1.0, float(weight[hits].sum() / weight.sum()))  # not 1.0000000000000002
    low, high = wilson(value * effective, effective)
    return Share(value, float(low), float(high), hits.size)


def confusion(
    true_class: NDArray[np.integer], predicted: NDArray[np.integer], *, classes: int
) -> NDArray[np.int64]:
    """Count records by true class (row) and predicted class (column), without weights."""
    cells = np.bincount(true_class * classes + predicted, minlength=classes**2)
    return cells.reshape(classes, classes)


def calibration(confidence: Floats, correct: Flags, weights: Floats | None = None) -> Calibration:
    """Return accuracy by confidence, in at most `MOST_BINS` bins of about as many records each.

    Bins of equal width would leave most of them nearly empty, since confidences crowd below 1.
    Needs at least one record.
    """
    weight = np.ones(correct.size) if weights is None else weights
    wanted = int(np.clip(correct.size // RECORDS_PER_BIN, 1, MOST_BINS))
    edges = np.unique(np.quantile(confidence, np.linspace(0, 1, wanted + 1)))
    cell = np.clip(np.searchsorted(edges, confidence, side="right") - 1, 0, max(edges.size - 2, 0))
    bins, error = [], 0.0
    for number in np.unique(cell):
        inside = cell == number
        mean = float(np.average(confidence[inside], weights=weight[inside]))
        accuracy = share(correct[inside], weight[inside])
        assert accuracy is not None  # np.unique returns no empty cell
        bounds = float(confidence[inside].min()), float(confidence[inside].max())
        bins.append(Bin(*bounds, mean, accuracy))
        error += float(weight[inside].sum() / weight.sum()) * abs(accuracy.value - mean)
    return Calibration(tuple(bins), error)


def accepted_at(
    threshold: float, confidence: Floats, correct: Flags, weights: Floats | None = None
) -> Accepted:
    """Return what a threshold accepts, and how much of that is correct. Needs a record."""
    passes = confidence >= threshold
    of_all = share(passes, weights)
    assert of_all is not None  # there are records
    accuracy = share(correct[passes], None if weights is None else weights[passes])
    return Accepted(float(threshold), of_all, accuracy)
