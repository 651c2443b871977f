"""A baseline as it lies in S3, and what it belongs to."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self

from .baseline import Baseline


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
        """Read it; raises the client's NoSuchKey if it is not there."""
        value = json.load(s3.get_object(Bucket=bucket, Key=key)["Body"])
        return cls(
            created=datetime.fromisoformat(value["created"]),
            model_data_url=value["model_data_url"],
            dataset=value["dataset"],
            classes=tuple(value["classes"]),
            baseline=Baseline.from_json(value["baseline"]),
        )

    def save(self, s3: Any, *, bucket: str, key: str) -> None:
        """Write it, for people to read, too."""
        value = {**asdict(self), "created": self.created.isoformat()}
        s3.put_object(
            Bucket=bucket,
            Key=key,
            Body=json.dumps(value, indent=2).encode(),
            ContentType="application/json",
        )
