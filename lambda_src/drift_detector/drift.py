"""Has what the endpoint sees, or says, moved away from the validation pictures?

    baseline = Baseline.of(observations of the validation pictures, class_count=2, threshold=0.93)
    window = window_of(observations of the traffic, oldest first)
    moved = [c for c in compare(baseline, window) if c.ratio > 1]

Every comparison has a distance and a limit. The limit is the larger of two: what chance alone
exceeds once in 1 / FALSE_ALARM_RATE windows, all comparisons together, for the number of pictures
at hand; and the smallest difference worth a message, since with many pictures everything is
significant. docs/drift.md has the evidence for the choice of comparisons, window and limits.
"""

import math
import statistics
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Self

from .quantiles import chi_square_quantile, normal_quantile, student_quantile

WINDOW = 200
"""Pictures that are compared: the latest so many; more if one run has more."""
MINIMUM = 50
"""Fewer pictures give no comparison: chance would hide anything but a catastrophe."""
FALSE_ALARM_RATE = 0.0005
"""Windows without drift in which some comparison exceeds its limit: half of what is aimed at, 1 in
1,000, as the limits are approximations. Baselines share it unevenly: an unlucky one alarms often,
most never."""
BINS = 10
"""Of a population stability index: as many parts of the baseline, each with as many pictures."""

SMALLEST_INDEX = 0.1  # the customary reading: below 0.1 stable, above 0.25 moved
SMALLEST_SHARE = 0.05
SMALLEST_ACCURACY = 0.02
SMALLEST_SHIFT = {"confidence": 0.02, "brightness": 5.0, "contrast": 3.0, "sharpness": 0.05}

METRICS = {
    "confidence": "MeanConfidence",
    "brightness": "MeanBrightness",
    "contrast": "MeanContrast",
    "sharpness": "MeanSharpness",
}
COMPARISONS = (
    *METRICS.values(),
    "ShareBelowThreshold",
    "ConfidenceStabilityIndex",
    "ClassStabilityIndex",
)
"""Names of all comparisons of a window."""


class Observation(NamedTuple):
    """One picture and what the model said of it; JSON turns it into a list, `Observation(*row)`
    back."""

    confidence: float
    """Probability of the best class."""
    best_class: int
    brightness: float | None = None
    """As `pictures.measure`; None, like the next two, where the picture could not be measured."""
    contrast: float | None = None
    sharpness: float | None = None


@dataclass(frozen=True)
class Reference:
    """One quantity of the baseline's pictures."""

    count: int
    mean: float
    deviation: float
    """Standard deviation."""
    edges: list[float]
    """Between the bins, ascending and all different; a value on an edge is above it."""
    counts: list[int]
    """Pictures in each bin; one more than edges."""


@dataclass(frozen=True)
class Baseline:
    """What the model did with pictures that it should do well with: the validation pictures."""

    count: int
    threshold: float
    below_threshold: int
    class_counts: list[int]
    quantities: dict[str, Reference]
    """confidence, and those of brightness, contrast, sharpness that were measured often enough."""
    accuracy: float | None = None
    """Share of the pictures that the model got right, where the truth is known."""

    @classmethod
    def of(
        cls,
        observations: Sequence[Observation],
        *,
        class_count: int,
        threshold: float,
        accuracy: float | None = None,
    ) -> Self:
        """Reduce observations to what comparisons need.

        Args:
            class_count: classes of the model, seen or not.
            threshold: confidence below which the workflow rejects a picture.

        Raises:
            ValueError: there are fewer than `MINIMUM` observations, fewer than two classes, or a
                best class that is none of them.
        """
        if len(observations) < MINIMUM:
            raise ValueError(
                f"a baseline of {len(observations)} pictures; at least {MINIMUM} are needed: "
                "stage more validation pictures"
            )
        if class_count < 2:
            raise ValueError(f"class_count = {class_count}: a model has two classes or more")
        return cls(
            count=len(observations),
            threshold=threshold,
            below_threshold=_below(observations, threshold),
            class_counts=_class_counts(observations, class_count),
            quantities={
                name: _reference(values)
                for name in METRICS
                if len(values := _known(observations, name)) >= MINIMUM
            },
            accuracy=accuracy,
        )

    def to_json(self) -> dict[str, Any]:
        """For json.dumps; about 1.5 KB, however many pictures."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """What `to_json` gave."""
        quantities = {name: Reference(**fields) for name, fields in value["quantities"].items()}
        return cls(**{**value, "quantities": quantities})


@dataclass(frozen=True)
class Comparison:
    """One figure of a window beside the baseline's."""

    name: str
    value: float
    """The window's mean, share or stability index."""
    expected: float
    """The baseline's; 0 for a stability index."""
    limit: float
    """Of the distance; above 0."""

    @property
    def distance(self) -> float:
        """How far the value is from what was expected."""
        return abs(self.value - self.expected)

    @property
    def ratio(self) -> float:
        """Distance over limit: above 1, the value has moved."""
        return self.distance / self.limit

    def __str__(self) -> str:
        """A sentence for people."""
        return (
            f"{self.name} is {self.value:.3g}, expected {self.expected:.3g}: "
            f"moved by {self.distance:.3g}, limit {self.limit:.3g}"
        )


def window_of(observations: Sequence[Observation], *, latest_run: int = 0) -> list[Observation]:
    """The latest `WINDOW` observations (oldest first), or all of the latest run if it had more."""
    return list(observations[-max(WINDOW, latest_run) :])


def compare(baseline: Baseline, window: Sequence[Observation]) -> list[Comparison]:
    """Comparisons of the window, in the order of `COMPARISONS`.

    Left out is what has fewer than `MINIMUM` pictures, in the window or in the baseline; all of
    them, if the window has fewer.

    Raises:
        ValueError: a best class is none of the baseline's.
    """
    if len(window) < MINIMUM:
        return []
    shifts = [
        mean_shift(baseline, window, name)
        for name in baseline.quantities
        if len(_known(window, name)) >= MINIMUM
    ]
    return [
        *shifts,
        share_below_threshold(baseline, window),
        stability_index(baseline, window, "confidence"),
        class_stability_index(baseline, window),
    ]


def compare_models(old: Baseline, new: Baseline) -> list[Comparison]:
    """What a new model does with the validation pictures, beside what the old one did.

    Worse is a drop: the ratio of a rise is 0. Traffic cannot show a model that was trained with
    wrong labels, since its own baseline has the same fault.
    """
    z = normal_quantile(1 - FALSE_ALARM_RATE / 2)
    spread = math.sqrt(1 / old.count + 1 / new.count)
    before, after = old.quantities["confidence"], new.quantities["confidence"]
    drops = [
        Comparison(
            name="MeanConfidence",
            value=min(after.mean, before.mean),
            expected=before.mean,
            limit=max(SMALLEST_SHIFT["confidence"], z * before.deviation * spread),
        )
    ]
    if old.accuracy is not None and new.accuracy is not None:
        pooled = (old.accuracy * old.count + new.accuracy * new.count) / (old.count + new.count)
        drops.append(
            Comparison(
                name="Accuracy",
                value=min(new.accuracy, old.accuracy),
                expected=old.accuracy,
                limit=max(SMALLEST_ACCURACY, z * math.sqrt(pooled * (1 - pooled)) * spread),
            )
        )
    return drops


def mean_shift(baseline: Baseline, window: Sequence[Observation], quantity: str) -> Comparison:
    """Mean of a quantity; the limit is that of a t-test with the baseline's deviation."""
    reference, values = baseline.quantities[quantity], _known(window, quantity)
    t = student_quantile(1 - _rate_each() / 2, reference.count - 1)
    spread = reference.deviation * math.sqrt(1 / reference.count + 1 / len(values))
    return Comparison(
        name=METRICS[quantity],
        value=statistics.fmean(values),
        expected=reference.mean,
        limit=max(SMALLEST_SHIFT[quantity], t * spread),
    )


def share_below_threshold(baseline: Baseline, window: Sequence[Observation]) -> Comparison:
    """Share of pictures below the confidence threshold; the limit is that of two proportions."""
    below, count = _below(window, baseline.threshold), len(window)
    pooled = (below + baseline.below_threshold) / (count + baseline.count)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / baseline.count + 1 / count))
    z = normal_quantile(1 - _rate_each() / 2)
    return Comparison(
        name="ShareBelowThreshold",
        value=below / count,
        expected=baseline.below_threshold / baseline.count,
        limit=max(SMALLEST_SHARE, z * spread),
    )


def stability_index(baseline: Baseline, window: Sequence[Observation], quantity: str) -> Comparison:
    """Population stability index of a quantity over the baseline's bins."""
    reference = baseline.quantities[quantity]
    counts = _histogram(_known(window, quantity), reference.edges)
    return _stability(f"{quantity.capitalize()}StabilityIndex", reference.counts, counts)


def class_stability_index(baseline: Baseline, window: Sequence[Observation]) -> Comparison:
    """Population stability index of the shares of the best classes."""
    counts = _class_counts(window, len(baseline.class_counts))
    return _stability("ClassStabilityIndex", baseline.class_counts, counts)


def _stability(name: str, expected: Sequence[int], found: Sequence[int]) -> Comparison:
    """Without drift, the index over 1/n + 1/m is nearly a chi-square of as many degrees of freedom
    as there are bins less one (B. Yurdakul, Statistical Properties of Population Stability Index,
    2018)."""
    # Half a picture more in each bin: the logarithm of an empty one would be infinite.
    before, after = ([count + 0.5 for count in counts] for counts in (expected, found))
    old, new = sum(before), sum(after)
    index = sum(
        (b / new - a / old) * math.log((b / new) / (a / old))
        for a, b in zip(before, after, strict=True)
    )
    by_chance = chi_square_quantile(1 - _rate_each(), len(expected) - 1)
    limit = max(SMALLEST_INDEX, by_chance * (1 / sum(expected) + 1 / sum(found)))
    return Comparison(name=name, value=index, expected=0.0, limit=limit)


def _rate_each() -> float:
    return FALSE_ALARM_RATE / len(COMPARISONS)


def _known(observations: Sequence[Observation], quantity: str) -> list[float]:
    values = (getattr(observation, quantity) for observation in observations)
    return [value for value in values if value is not None]


def _class_counts(observations: Sequence[Observation], class_count: int) -> list[int]:
    counts = [0] * class_count
    for observation in observations:
        if not 0 <= observation.best_class < class_count:
            raise ValueError(
                f"best class {observation.best_class} of a model with {class_count} classes; "
                "leave out what another model said"
            )
        counts[observation.best_class] += 1
    return counts


def _below(observations: Sequence[Observation], threshold: float) -> int:
    return sum(observation.confidence < threshold for observation in observations)


def _reference(values: Sequence[float]) -> Reference:
    edges = sorted(set(statistics.quantiles(values, n=BINS)))
    return Reference(
        count=len(values),
        mean=statistics.fmean(values),
        deviation=statistics.stdev(values),
        edges=edges,
        counts=_histogram(values, edges),
    )


def _histogram(values: Sequence[float], edges: Sequence[float]) -> list[int]:
    counts = [0] * (len(edges) + 1)
    for value in values:
        counts[bisect_right(edges, value)] += 1
    return counts
