"""Read a dataset that staging wrote to S3."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from . import class_names, json_limits
from .events import invalid, texts
from .messages import shown
from .picture_steps import MISSING


class DatasetNotUsable(Exception):
    """The staged dataset is missing, or not the one that the settings describe."""


def expected_classes(properties: Mapping[str, Any]) -> list[str]:
    """Return the `Classes` of a resource; none if the settings do not list them."""
    if "Classes" not in properties:
        return []
    listed = texts(properties, "Classes")
    try:
        return [class_names.from_ascii(name) for name in listed]
    except ValueError as error:
        raise invalid("Classes", listed, "names escaped as in JSON") from error


class StagedDataset(NamedTuple):
    """A dataset's location, and the expected classes."""

    s3: Any
    bucket: str
    prefix: str
    classes: Sequence[str] = ()
    """Empty: any."""
    remedy: str = "stage the data: scones stage"

    def read(self, path: str) -> bytes:
        """Return a file of the dataset, or raise DatasetNotUsable."""
        try:
            found = self.s3.get_object(Bucket=self.bucket, Key=f"{self.prefix}/{path}")
        except self.s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] not in MISSING:
                raise
            raise self.fault(path, "does not exist") from error
        content: bytes = found["Body"].read()
        return content

    def manifest(self) -> dict[str, Any]:
        """Return the manifest; raise DatasetNotUsable if it is damaged or has other classes."""
        try:
            manifest = json_limits.parse(self.read("manifest.json"))
        except ValueError as error:
            raise self.fault("manifest.json", f"is damaged: {error}") from error
        classes = manifest.get("classes") if isinstance(manifest, dict) else None
        if self.classes and classes != list(self.classes):
            raise self.fault(
                "manifest.json",
                f"has the classes {shown(classes)}, expected {shown(list(self.classes))}",
            )
        if not self.classes and (reason := class_names.fault(classes)):
            raise self.fault("manifest.json", f"has the classes {shown(classes)}: {reason}")
        return dict(manifest)

    def fault(self, path: str, what: str) -> DatasetNotUsable:
        """Return the error that names a file, its fault and the remedy."""
        return DatasetNotUsable(f"s3://{self.bucket}/{self.prefix}/{path} {what}; {self.remedy}")
