"""How much less than chance a choice of pictures, so many of each class, leaves to class shares.

With the number of pictures of each class chosen, only the model's mistakes vary. Of the m[k]
pictures of class k a share r[k, j] is taken for class j; the share p[j] of class j among all m then
has the variance sum over k of (m[k] / m)**2 r[k, j] (1 - r[k, j]) / m[k], instead of
p[j] (1 - p[j]) / m, and so on for the covariances. A stability index or a chi-square of the shares
is a sum of squares of independent normal variables, each with a variance of its own: the design
effects are those over 1 / m (J. N. K. Rao and A. J. Scott, The Analysis of Categorical Data from
Complex Sample Surveys, Journal of the American Statistical Association 76, 1981).
"""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from .quantiles import chi_square_quantile


@dataclass(frozen=True)
class DesignEffect:
    """Mean, and mean of the squares, of the design effects; 1 and 1 are pictures left to chance.

    0 for a model that makes no mistakes; for two classes 0.36 at an accuracy of 0.9, and about 1
    for a model that guesses.
    """

    mean: float = 1.0
    mean_square: float = 1.0

    @classmethod
    def of(cls, best_classes: Sequence[int], labels: Sequence[int]) -> Self:
        """Estimate from the pictures themselves; `labels` are their true classes.

        Pictures left to chance are assumed where there is nothing to estimate from: if a class has
        a single picture, or all have the same best class.
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

    def index_by_chance(
        self, probability: float, *, degrees: int, baseline_count: int, window_count: int
    ) -> float:
        """Quantile of the population stability index of two samples without drift.

        The window's pictures, n, are left to chance; the baseline's, m, have this design effect. If
        it is 1, the index over 1/n + 1/m is nearly a chi-square (B. Yurdakul, Statistical
        Properties of Population Stability Index, 2018). Else it is nearly a multiple of one with
        other degrees of freedom: those with the same mean and variance (F. E. Satterthwaite, An
        Approximate Distribution of Estimates of Variance Components, Biometrics 2, 1946).
        """
        n, m = window_count, baseline_count
        mean = 1 / n + self.mean / m
        mean_square = 1 / n**2 + 2 * self.mean / (n * m) + self.mean_square / m**2
        fitted = degrees * mean**2 / mean_square
        return mean_square / mean * chi_square_quantile(probability, fitted)


LEFT_TO_CHANCE = DesignEffect()
