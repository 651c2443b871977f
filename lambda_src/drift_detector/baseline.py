"""Reduce the model's answers to the validation pictures to a baseline for comparisons."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from typing import Any, NamedTuple, Self

from .chance import RANDOMLY_DRAWN, DesignEffect
from .picture_statistics import SIDE

MINIMUM = 50  # pictures of a comparison: among fewer, chance would hide anything but a catastrophe

MAX_SIDE = 5_000  # far above what staging allows

METRICS = {
    "confidence": "MeanConfidence",
    "brightness": "MeanBrightness",
    "contrast": "MeanContrast",
    "sharpness": "MeanSharpness",
}
"""Name of the comparison of each quantity's mean."""


class BaselineDamaged(Exception):
    """The object is not a baseline."""


class Observation(NamedTuple):
    """One picture and the model's answer."""

    confidence: float  # probability of the best class
    best_class: int
    brightness: float | None = None
    """As `picture_statistics.measure`; None, like the next two, if it could not be measured."""
    contrast: float | None = None
    sharpness: float | None = None

    @classmethod
    def of(cls, probabilities: list[float], *measured: float) -> Self:
        """Return the observation of a picture with these probabilities and measurements."""
        confidence = max(probabilities)
        return cls(confidence, probabilities.index(confidence), *measured)

    @classmethod
    def from_json(cls, row: Any) -> Self:
        """Read the list that JSON makes of an observation; raise TypeError for anything else."""
        confidence, best_class, *measured = row
        if not isinstance(best_class, int) or number(best_class) < 0:
            raise TypeError(f"{row!r:.50} is not an observation")
        numbers = (value if value is None else number(value) for value in measured)
        return cls(number(confidence), best_class, *numbers)


@dataclass(frozen=True)
class Reference:
    """One quantity of the baseline's pictures."""

    count: int
    mean: float
    deviation: float  # standard deviation


@dataclass(frozen=True)
class Baseline:
    """The model's answers to pictures that it should recognize: the validation pictures."""

    count: int
    confidences: list[float]
    """Of all pictures, ascending; the threshold is not part of the baseline."""
    class_counts: list[int]
    quantities: dict[str, Reference]
    """confidence, and those of brightness, contrast, sharpness that were measured often enough."""
    accuracy: float | None = None
    """Share of the pictures that the model got right, where their classes are known."""
    class_design: DesignEffect = RANDOMLY_DRAWN
    """Of the shares of the best classes; randomly drawn pictures are the cautious assumption."""

    @classmethod
    def of(
        cls,
        observations: Sequence[Observation],
        *,
        class_count: int,
        labels: Sequence[int] | None = None,
        part: float = 0.0,
    ) -> Self:
        """Reduce observations to what comparisons need.

        Args:
            class_count: classes of the model, seen or not.
            labels: the true class of each picture, if the number of pictures of each class was
                chosen and not left to chance.
            part: of the pictures from which that number was estimated; 0 if it is known.
        """
        count = len(observations)
        if count < MINIMUM:
            raise ValueError(
                f"a baseline of {count} pictures; at least {MINIMUM} are needed: "
                "stage more validation pictures"
            )
        if class_count < 2:
            raise ValueError(f"class_count = {class_count}: a model has two classes or more")
        made = cls(
            count=count,
            confidences=sorted(observation.confidence for observation in observations),
            class_counts=count_classes(observations, class_count),
            quantities={
                name: Reference(len(values), statistics.fmean(values), statistics.stdev(values))
                for name in METRICS
                if len(values := known(observations, name)) >= MINIMUM
            },
        )
        if labels is None:
            return made
        best = [observation.best_class for observation in observations]
        right = sum(found == label for found, label in zip(best, labels, strict=True))
        design = DesignEffect.of(best, labels).with_estimated_shares(part)
        return replace(made, accuracy=right / count, class_design=design)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read what `asdict` wrote; members of quantities that are no longer used are ignored."""
        quantities = {
            name: Reference(fields["count"], fields["mean"], fields["deviation"])
            for name, fields in value["quantities"].items()
        }
        class_design = DesignEffect(**value.get("class_design", {}))
        made = cls(**{**value, "quantities": quantities, "class_design": class_design})
        made._check()
        return made

    def _check(self) -> None:
        """Raise an error if a comparison with these numbers could fail or mean nothing."""
        references, design = self.quantities.values(), astuple(self.class_design)
        numbers = [self.count, *self.confidences, *self.class_counts, *design, self.accuracy or 0]
        for each in (*numbers, *chain.from_iterable(map(astuple, references))):
            number(each)
        if not self.count == len(self.confidences) == sum(self.class_counts) > 0:
            raise ValueError(f"{self.count} pictures, of the classes {self.class_counts}")
        if not {"confidence"} <= self.quantities.keys() <= METRICS.keys():
            raise ValueError(f"the quantities {list(self.quantities)}")
        if (
            min(self.class_counts) < 0
            or not 0 <= (self.accuracy or 0) <= 1
            or not all(0 <= each <= 100 for each in design)
            or any(each.count < 2 or each.deviation < 0 for each in references)
        ):
            raise ValueError("a number is out of its range")


@dataclass(frozen=True)
class StoredBaseline:
    """A baseline in S3, and the model it belongs to."""

    created: datetime  # records from before this moment may be an earlier model's
    model_data_url: str
    dataset: str  # prefix of the dataset whose validation pictures were used
    classes: tuple[str, ...]
    baseline: Baseline
    side: int = SIDE
    """Pixels of width and height of the dataset's pictures."""

    @classmethod
    def load(cls, s3: Any, *, bucket: str, key: str) -> Self:
        """Read a baseline; raise BaselineDamaged if it is not what `save` wrote."""
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        try:
            value = json.loads(body)
            classes, baseline = tuple(value["classes"]), Baseline.from_json(value["baseline"])
            if len(baseline.class_counts) != len(classes):
                raise ValueError(f"{len(baseline.class_counts)} counts of {classes}")
            side = value.get("side", SIDE)
            if not 1 <= number(side) <= MAX_SIDE:
                raise ValueError(f"pictures of {side} pixels")
            return cls(
                created=datetime.fromisoformat(value["created"]).astimezone(UTC),
                model_data_url=value["model_data_url"],
                dataset=value["dataset"],
                classes=classes,
                baseline=baseline,
                side=int(side),
            )
        except (
            *(ArithmeticError, AttributeError, LookupError),
            *(RecursionError, TypeError, ValueError),
        ) as error:
            raise BaselineDamaged(
                f"s3://{bucket}/{key} is not a baseline: {type(error).__name__}: {error!s:.200}; "
                "stage the data again and deploy: the monitoring stack then makes another"
            ) from error

    def save(self, s3: Any, *, bucket: str, key: str) -> None:
        """Write the baseline, indented for people."""
        value = {**asdict(self), "created": self.created.isoformat()}
        s3.put_object(
            Bucket=bucket,
            Key=key,
            Body=json.dumps(value, indent=2).encode(),
            ContentType="application/json",
        )


def number(value: Any) -> float:
    """Return a number of a JSON text; raise TypeError for anything else, huge ones and NaN."""
    # JSON's true is an int to Python, and no comparison with NaN is true.
    if type(value) not in (int, float) or not -1e100 < value < 1e100:
        raise TypeError(f"{value!r:.50} is not a number")
    return value  # type: ignore[no-any-return]  # mypy does not narrow by type()


def known(observations: Sequence[Observation], quantity: str) -> list[float]:
    """Return the values of a quantity where it was measured."""
    values = (getattr(observation, quantity) for observation in observations)
    return [value for value in values if value is not None]


def count_classes(observations: Sequence[Observation], class_count: int) -> list[int]:
    """Count observations by best class; raise ValueError if one is not below class_count."""
    counts = [0] * class_count
    for observation in observations:
        if not 0 <= observation.best_class < class_count:
            raise ValueError(
                f"best class {observation.best_class} of a model with {class_count} classes; "
                "leave out the answers of other models"
            )
        counts[observation.best_class] += 1
    return counts
