"""A baseline as it lies in S3, and what it belongs to."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Self

from .baseline import MINIMUM, Baseline, Observation
from .drift import compare, compare_models


class BaselineDamaged(Exception):
    """The object is not a baseline."""


@dataclass(frozen=True)
class StoredBaseline:
    """The baseline of one model."""

    created: datetime
    """Records from before this moment may be an earlier model's."""
    model_data_url: str
    dataset: str
    """Prefix of the dataset whose validation pictures were used."""
    classes: tuple[str, ...]
    baseline: Baseline

    @classmethod
    def load(cls, s3: Any, *, bucket: str, key: str) -> Self:
        """Read it.

        Raises:
            NoSuchKey, of the client: it is not there.
            BaselineDamaged: it is not what `save` wrote.
        """
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        try:
            value = json.loads(body)
            stored = cls(
                created=datetime.fromisoformat(value["created"]).astimezone(UTC),
                model_data_url=value["model_data_url"],
                dataset=value["dataset"],
                classes=tuple(value["classes"]),
                baseline=Baseline.from_json(value["baseline"]),
            )
            stored._try_out()
            return stored
        except (
            *(ArithmeticError, AttributeError, LookupError),
            *(RecursionError, TypeError, ValueError),
        ) as error:
            raise BaselineDamaged(
                f"s3://{bucket}/{key} is no baseline: {type(error).__name__}: {error!s:.200}; "
                "stage the data again and deploy, and the monitoring stack makes another"
            ) from error

    def _try_out(self) -> None:
        """Compare something with it, which fails where its figures do not hold together."""
        if len(self.baseline.class_counts) != len(self.classes):
            raise ValueError(f"{len(self.baseline.class_counts)} counts of {self.classes}")
        window = [
            Observation(0.5, number % len(self.classes), 0.0, 0.0, 0.0) for number in range(MINIMUM)
        ]
        compare(self.baseline, window, threshold=0.5)
        compare_models(self.baseline, self.baseline)

    def save(self, s3: Any, *, bucket: str, key: str) -> None:
        """Write it, for people to read, too."""
        value = {**asdict(self), "created": self.created.isoformat()}
        s3.put_object(
            Bucket=bucket,
            Key=key,
            Body=json.dumps(value, indent=2).encode(),
            ContentType="application/json",
        )
