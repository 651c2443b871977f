"""Bound how far chance alone moves a window from its baseline: quantiles, and the design effect.

The baseline's pictures are chosen: so many of each class. Only the model's mistakes then vary. Of
the m[k] pictures of class k, a share r[k, j] is taken for class j; the share p[j] of class j among
all m then has the variance sum over k of (m[k] / m)**2 r[k, j] (1 - r[k, j]) / m[k] instead of
p[j] (1 - p[j]) / m, and so on for the covariances. A stability index of the shares is a sum of
squares of independent normal variables, each with its own variance: the design effects are those
variances over 1 / m (J. N. K. Rao and A. J. Scott, The Analysis of Categorical Data from Complex
Sample Surveys, Journal of the American Statistical Association 76, 1981).
"""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Self

normal_quantile = NormalDist().inv_cdf


def chi_square_quantile(probability: float, degrees: float) -> float:
    """Return Wilson and Hilferty's approximation, exact for 1 degree.

    At 0.9999 it is 7% too high just above 1 degree, 4% for 2, 1% for 9.
    """
    if math.isclose(degrees, 1):
        return normal_quantile((1 + probability) / 2) ** 2
    part = 2 / (9 * degrees)
    return float(degrees * (1 - part + normal_quantile(probability) * math.sqrt(part)) ** 3)


def student_quantile(probability: float, degrees: int) -> float:
    """Return Abramowitz and Stegun's 26.7.5: within 1% at 0.9999 from 20 degrees on."""
    z = normal_quantile(probability)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    return z + first / degrees + second / degrees**2


@dataclass(frozen=True)
class DesignEffect:
    """Mean of the design effects, and mean of their squares; 1 and 1 for randomly drawn pictures.

    0 for a model that makes no mistakes; for two classes 0.36 at an accuracy of 0.9, and about 1
    for a model that guesses.
    """

    mean: float = 1.0
    mean_square: float = 1.0

    @classmethod
    def of(cls, best_classes: Sequence[int], labels: Sequence[int]) -> Self:
        """Estimate the effect from the pictures themselves; `labels` are their true classes.

        Assumes randomly drawn pictures where there is nothing to estimate from: a class has a
        single picture, or all pictures have the same best class.
        """
        taken_for: defaultdict[int, Counter[int]] = defaultdict(Counter)
        for best, label in zip(best_classes, labels, strict=True):
            taken_for[label][best] += 1
        shares = Counter(best_classes)
        if len(shares) < 2 or min(row.total() for row in taken_for.values()) < 2:
            return cls()
        covariance: defaultdict[tuple[int, int], float] = defaultdict(float)
        for row in taken_for.values():
            for i, j in ((i, j) for i in row for j in row):
                joint = row.total() * row[i] * (i == j) - row[i] * row[j]
                # Less 1: unbiased.
                covariance[i, j] += joint / (row.total() - 1) / math.sqrt(shares[i] * shares[j])
        degrees = len(shares) - 1
        return cls(
            mean=sum(covariance[i, i] for i in shares) / degrees,
            mean_square=sum(value**2 for value in covariance.values()) / degrees,
        )

    def with_estimated_shares(self, part: float) -> Self:
        """Return the effect if the shares of the classes are themselves those of a random sample.

        The baseline's pictures are `part` of that sample. What mistakes leave of the variance of a
        random draw is due to the classes, so the effect is 1 for the whole sample, and unchanged
        for a tiny part of it.
        """
        rest = 1 - part
        return type(self)(
            mean=rest * self.mean + part,
            mean_square=rest**2 * self.mean_square + 2 * rest * part * self.mean + part**2,
        )

    def index_by_chance(
        self, probability: float, *, degrees: int, baseline_count: int, window_count: int
    ) -> float:
        """Return a quantile of the population stability index of two samples without drift.

        The window's n pictures are drawn randomly; the baseline's m have this design effect. If it
        is 1, the index over 1/n + 1/m is nearly a chi-square (B. Yurdakul, Statistical Properties
        of Population Stability Index, 2018). Otherwise it is nearly a multiple of the chi-square
        with the same mean and variance (F. E. Satterthwaite, An Approximate Distribution of
        Estimates of Variance Components, Biometrics 2, 1946).
        """
        n, m = window_count, baseline_count
        mean = 1 / n + self.mean / m
        mean_square = 1 / n**2 + 2 * self.mean / (n * m) + self.mean_square / m**2
        fitted = degrees * mean**2 / mean_square
        return mean_square / mean * chi_square_quantile(probability, fitted)


RANDOMLY_DRAWN = DesignEffect()
