"""Compare what the endpoint sees and answers with the validation pictures.

    baseline = Baseline.of(validation pictures, class_count=2, labels=their classes)
    window = window_of(observations of the traffic, oldest first)
    moved = [c for c in compare(baseline, window, threshold=0.93) if c.ratio > 1]

Every comparison has a distance and a limit. The limit is the larger of two: what chance alone
exceeds in `FALSE_ALARM_RATE` of all windows, counting all comparisons and given the number of
pictures; and the smallest difference worth a message, since with many pictures every difference is
significant. docs/drift.md has the evidence for the choice of comparisons, window and limits.
"""

import math
import statistics
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from .baseline import METRICS, MINIMUM, Baseline, Observation, count_classes, known
from .chance import normal_quantile, student_quantile

WINDOW = 200  # the latest pictures, which are compared; more if one run has more
FALSE_ALARM_RATE = 0.0005
"""Share of the windows without drift in which some comparison exceeds its limit: half of the aim, 1
in 1,000, because the limits are approximations. Baselines share it unevenly: an unlucky one alarms
often, most never."""

SMALLEST_INDEX = 0.1  # the customary reading: below 0.1 stable, above 0.25 moved
SMALLEST_SHARE = 0.05
SMALLEST_ACCURACY = 0.02
SMALLEST_SHIFT = {"confidence": 0.02, "brightness": 5.0, "contrast": 3.0, "sharpness": 0.05}

COMPARISONS = (*METRICS.values(), "ShareBelowThreshold", "ClassStabilityIndex")
"""Names of all comparisons of a window."""
RATE_EACH = FALSE_ALARM_RATE / len(COMPARISONS)


@dataclass(frozen=True)
class Comparison:
    """A mean, share or stability index of a window beside the baseline's."""

    name: str
    value: float
    expected: float  # the baseline's; 0 for a stability index
    limit: float  # of the distance; above 0

    @property
    def distance(self) -> float:
        """Return how far the value is from the expected one."""
        return abs(self.value - self.expected)

    @property
    def ratio(self) -> float:
        """Return distance over limit: above 1, the value has moved."""
        return self.distance / self.limit

    def __str__(self) -> str:
        """Describe the comparison in a sentence."""
        return (
            f"{self.name} is {self.value:.3g}, expected {self.expected:.3g}: "
            f"moved by {self.distance:.3g}, limit {self.limit:.3g}"
        )


def window_of(observations: Sequence[Observation], *, latest_run: int = 0) -> list[Observation]:
    """Return the latest `WINDOW` observations, or all of the latest run if it had more."""
    return list(observations[-max(WINDOW, latest_run) :])


def compare(
    baseline: Baseline, window: Sequence[Observation], *, threshold: float
) -> list[Comparison]:
    """Compare the window with the baseline, in the order of `COMPARISONS`.

    `threshold` is the confidence below which the workflow rejects a picture. A quantity that was
    measured in fewer than `MINIMUM` pictures of the window or the baseline is left out; of a window
    with fewer pictures, nothing is compared.
    """
    if len(window) < MINIMUM:
        return []
    shifts = [
        mean_shift(baseline, window, name)
        for name in baseline.quantities
        if len(known(window, name)) >= MINIMUM
    ]
    return [
        *shifts,
        share_below_threshold(baseline, window, threshold),
        class_stability_index(baseline, window),
    ]


def compare_models(old: Baseline, new: Baseline) -> list[Comparison]:
    """Compare what a new model does with the validation pictures with what the old one did.

    Only a drop counts: the ratio of a rise is 0. Traffic cannot reveal a model that was trained
    with wrong labels, since its own baseline has the same fault.
    """
    z = normal_quantile(1 - FALSE_ALARM_RATE / 2)
    before, after = old.quantities["confidence"], new.quantities["confidence"]
    by_chance = z * before.deviation * _spread(old.count, new.count)
    drops = [
        Comparison(
            name="MeanConfidence",
            value=min(after.mean, before.mean),
            expected=before.mean,
            limit=max(SMALLEST_SHIFT["confidence"], by_chance),
        )
    ]
    if old.accuracy is not None and new.accuracy is not None:
        by_chance = z * _share_deviation(old.accuracy, old.count, new.accuracy, new.count)
        drops.append(
            Comparison(
                name="Accuracy",
                value=min(new.accuracy, old.accuracy),
                expected=old.accuracy,
                limit=max(SMALLEST_ACCURACY, by_chance),
            )
        )
    return drops


def mean_shift(baseline: Baseline, window: Sequence[Observation], quantity: str) -> Comparison:
    """Compare the means of a quantity; the limit is a t-test's, with the baseline's deviation."""
    reference, values = baseline.quantities[quantity], known(window, quantity)
    t = student_quantile(1 - RATE_EACH / 2, reference.count - 1)
    by_chance = t * reference.deviation * _spread(reference.count, len(values))
    return Comparison(
        name=METRICS[quantity],
        value=statistics.fmean(values),
        expected=reference.mean,
        limit=max(SMALLEST_SHIFT[quantity], by_chance),
    )


def share_below_threshold(
    baseline: Baseline, window: Sequence[Observation], threshold: float
) -> Comparison:
    """Compare the shares below the threshold; the limit is that of two proportions."""
    expected = bisect_left(baseline.confidences, threshold) / baseline.count
    share = sum(each.confidence < threshold for each in window) / len(window)
    deviation = _share_deviation(expected, baseline.count, share, len(window))
    return Comparison(
        name="ShareBelowThreshold",
        value=share,
        expected=expected,
        limit=max(SMALLEST_SHARE, normal_quantile(1 - RATE_EACH / 2) * deviation),
    )


def class_stability_index(baseline: Baseline, window: Sequence[Observation]) -> Comparison:
    """Compare the shares of the best classes by their population stability index."""
    expected = baseline.class_counts
    found = count_classes(window, len(expected))
    # Half a picture more in each class: the logarithm of an empty one would be infinite.
    before, after = (
        [(count + 0.5) / (sum(counts) + 0.5 * len(counts)) for count in counts]
        for counts in (expected, found)
    )
    by_chance = baseline.class_design.index_by_chance(
        1 - RATE_EACH,
        degrees=len(expected) - 1,
        baseline_count=baseline.count,
        window_count=len(window),
    )
    return Comparison(
        name="ClassStabilityIndex",
        value=sum((b - a) * math.log(b / a) for a, b in zip(before, after, strict=True)),
        expected=0.0,
        limit=max(SMALLEST_INDEX, by_chance),
    )


def _spread(n: int, m: int) -> float:
    return math.sqrt(1 / n + 1 / m)


def _share_deviation(share: float, count: int, other: float, other_count: int) -> float:
    """Return the standard deviation of the difference of two shares of one population."""
    pooled = (share * count + other * other_count) / (count + other_count)
    return math.sqrt(max(0.0, pooled * (1 - pooled))) * _spread(count, other_count)
