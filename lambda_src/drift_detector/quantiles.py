"""Quantiles of the distributions that limits are taken from; scipy's, without scipy."""

import math
import statistics


def normal_quantile(probability: float) -> float:
    """Of the standard normal distribution."""
    return statistics.NormalDist().inv_cdf(probability)


def chi_square_quantile(probability: float, degrees: float) -> float:
    """Exact for 1 degree, else Wilson and Hilferty's: at 0.9999 7% too high just above 1, 4% for 2,
    1% for 9."""
    if math.isclose(degrees, 1):
        return normal_quantile((1 + probability) / 2) ** 2
    z = normal_quantile(probability)
    part = 2 / (9 * degrees)
    return float(degrees * (1 - part + z * math.sqrt(part)) ** 3)


def student_quantile(probability: float, degrees: int) -> float:
    """Expansion in 1/degrees (Abramowitz and Stegun 26.7.5): within 1% at 0.9999 from 20 on."""
    z = normal_quantile(probability)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    return z + first / degrees + second / degrees**2
