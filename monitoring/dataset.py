"""What the staging manifest says of the pictures that the model learned from.

`python -m training.stage` writes it: manifest.json beside train.lst, validation.lst and the folders
of both, in a folder or below an S3 prefix.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3
from pydantic import BaseModel, ValidationError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MANIFEST = "manifest.json"
EXAMPLES = 8

Fetch = Callable[[str], bytes]


class RefusedRow(BaseModel, frozen=True):
    """A row of the source that did not become a picture."""

    split: str
    row: int
    file_name: str
    reason: str


class Manifest(BaseModel, frozen=True):
    """The parts of manifest.json that a reader wants to know."""

    source: str
    digest: str
    classes: tuple[str, ...]
    counts: dict[str, dict[str, int]]
    """Pictures by split and class."""
    refused: tuple[RefusedRow, ...]


@dataclass(frozen=True)
class StagedDataset:
    """A manifest, with pictures to look at."""

    location: str
    manifest: Manifest
    examples: Mapping[str, tuple[bytes, ...]]
    """By class, the first training pictures."""


def read(location: str, *, s3_client: "S3Client | None" = None) -> StagedDataset:
    """The staged dataset in a folder, or below `s3://bucket/datasets/<digest>`.

    Raises:
        FileNotFoundError: the folder has no manifest, or lacks a picture that it lists.
        ValueError: the manifest is not what staging writes.
        botocore.exceptions.ClientError: S3 has no such object, or gives it to others only.
    """
    fetch = _fetch(location, s3_client)
    try:
        manifest = Manifest.model_validate_json(fetch(MANIFEST))
    except ValidationError as error:
        raise ValueError(f"{location}/{MANIFEST} is not a staging manifest: {error}") from error
    return StagedDataset(location, manifest, _examples(manifest, fetch))


def _fetch(location: str, client: "S3Client | None") -> Fetch:
    if location.startswith("s3://"):
        parts, s3 = urlsplit(location), client or boto3.client("s3")
        prefix = parts.path.strip("/")
        return lambda name: s3.get_object(Bucket=parts.netloc, Key=f"{prefix}/{name}")[
            "Body"
        ].read()
    folder = Path(location)
    if not (folder / MANIFEST).is_file():
        raise FileNotFoundError(
            f"no {MANIFEST} in {location!r}: name the folder of one staged dataset, such as "
            "datasets/<digest>, or s3://bucket/datasets/<digest>"
        )
    return lambda name: (folder / name).read_bytes()


def _examples(manifest: Manifest, fetch: Fetch) -> dict[str, tuple[bytes, ...]]:
    paths = defaultdict(list)
    for line in fetch("train.lst").decode().splitlines():
        _, label, path = line.split("\t")
        paths[int(label)].append(path)
    return {
        name: tuple(fetch(f"train/{path}") for path in paths[label][:EXAMPLES])
        for label, name in enumerate(manifest.classes)
    }
