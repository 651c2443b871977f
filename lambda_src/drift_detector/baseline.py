"""What the model did with the validation pictures, reduced to what comparisons need."""

import statistics
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Self

from .design_effect import LEFT_TO_CHANCE, DesignEffect

MINIMUM = 50
"""Fewer pictures give no comparison: chance would hide anything but a catastrophe."""
BINS = 10
"""Of a population stability index: as many parts of the baseline, each with as many pictures."""

METRICS = {
    "confidence": "MeanConfidence",
    "brightness": "MeanBrightness",
    "contrast": "MeanContrast",
    "sharpness": "MeanSharpness",
}


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
    confidences: list[float]
    """Of all pictures, ascending: how many are below a threshold is asked when that is known."""
    class_counts: list[int]
    quantities: dict[str, Reference]
    """confidence, and those of brightness, contrast, sharpness that were measured often enough."""
    accuracy: float | None = None
    """Share of the pictures that the model got right, where the truth is known."""
    class_design: DesignEffect = LEFT_TO_CHANCE
    """Of the shares of the best classes; pictures left to chance are the cautious assumption, where
    the truth is not known."""

    @classmethod
    def of(
        cls,
        observations: Sequence[Observation],
        *,
        class_count: int,
        labels: Sequence[int] | None = None,
    ) -> Self:
        """Reduce observations to what comparisons need.

        Args:
            class_count: classes of the model, seen or not.
            labels: the true class of each picture, if the number of pictures of each class was
                chosen rather than left to chance.

        Raises:
            ValueError: there are fewer than `MINIMUM` observations, fewer than two classes, a
                best class that is none of them, or another number of labels than of observations.
        """
        if len(observations) < MINIMUM:
            raise ValueError(
                f"a baseline of {len(observations)} pictures; at least {MINIMUM} are needed: "
                "stage more validation pictures"
            )
        if class_count < 2:
            raise ValueError(f"class_count = {class_count}: a model has two classes or more")
        best_classes = [observation.best_class for observation in observations]
        return cls(
            count=len(observations),
            confidences=sorted(observation.confidence for observation in observations),
            class_counts=count_classes(observations, class_count),
            quantities={
                name: _reference(values)
                for name in METRICS
                if len(values := known(observations, name)) >= MINIMUM
            },
            accuracy=None if labels is None else _share_right(best_classes, labels),
            class_design=(
                LEFT_TO_CHANCE if labels is None else DesignEffect.of(best_classes, labels)
            ),
        )

    def to_json(self) -> dict[str, Any]:
        """For json.dumps; some 1.5 KB, and 20 bytes a picture."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Return what `to_json` gave, also before it had `class_design`.

        Raises:
            AttributeError, LookupError, TypeError, ValueError: the value is none of that.
        """
        quantities = {name: Reference(**fields) for name, fields in value["quantities"].items()}
        if "confidence" not in quantities:
            raise LookupError("no quantity confidence")
        class_design = DesignEffect(**value.get("class_design", {}))
        made = cls(**{**value, "quantities": quantities, "class_design": class_design})
        made._check_numbers()
        return made

    def _check_numbers(self) -> None:
        numbers = [self.count, *self.confidences, *self.class_counts]
        numbers += [self.class_design.mean, self.class_design.mean_square, self.accuracy or 0]
        for each in self.quantities.values():
            numbers += [each.count, each.mean, each.deviation, *each.edges, *each.counts]
            if len(each.counts) != len(each.edges) + 1:
                raise ValueError(f"{len(each.counts)} counts between {len(each.edges)} edges")
        for number in numbers:  # JSON's true is an int to Python, and NaN below and above nothing
            if type(number) not in (int, float) or not -1e100 < number < 1e100:
                raise TypeError(f"{number!r:.50} is not a number")
        if not self.count == len(self.confidences) == sum(self.class_counts) > 0:
            raise ValueError(f"{self.count} pictures, of the classes {self.class_counts}")
        if min(self.class_design.mean, self.class_design.mean_square) < 0:
            raise ValueError(f"{self.class_design} is below 0")


def known(observations: Sequence[Observation], quantity: str) -> list[float]:
    """Values of a quantity, without those that were not measured."""
    values = (getattr(observation, quantity) for observation in observations)
    return [value for value in values if value is not None]


def count_classes(observations: Sequence[Observation], class_count: int) -> list[int]:
    """Observations by best class.

    Raises:
        ValueError: a best class is not in 0 to class_count - 1.
    """
    counts = [0] * class_count
    for observation in observations:
        if not 0 <= observation.best_class < class_count:
            raise ValueError(
                f"best class {observation.best_class} of a model with {class_count} classes; "
                "leave out what another model said"
            )
        counts[observation.best_class] += 1
    return counts


def _reference(values: Sequence[float]) -> Reference:
    edges = sorted(set(statistics.quantiles(values, n=BINS)))
    return Reference(
        count=len(values),
        mean=statistics.fmean(values),
        deviation=statistics.stdev(values),
        edges=edges,
        counts=histogram(values, edges),
    )


def histogram(values: Sequence[float], edges: Sequence[float]) -> list[int]:
    """Values between the edges, as `Reference.counts`."""
    counts = [0] * (len(edges) + 1)
    for value in values:
        counts[bisect_right(edges, value)] += 1
    return counts


def _share_right(best_classes: Sequence[int], labels: Sequence[int]) -> float:
    right = sum(best == label for best, label in zip(best_classes, labels, strict=True))
    return right / len(labels)
