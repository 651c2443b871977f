"""What the staging manifest says of the pictures that the model learned from.

`scones stage` writes it: manifest.json beside train.lst, validation.lst and the folders
of both, in a folder or below an S3 prefix.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.labels import MANIFEST, TruthError, content_of, list_row
from operations.aws import session
from settings.s3_uris import is_s3
from training.manifest import Manifest, parse

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

EXAMPLES = 8


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
        FileNotFoundError: there is no manifest.
        ValueError: the manifest is not what staging writes, or a file that belongs to it lacks.
    """
    root = location.rstrip("/")
    client = s3_client
    if client is None and is_s3(root):
        client = session().client("s3")
    try:
        content = content_of(f"{root}/{MANIFEST}", client)
    except TruthError as error:
        raise FileNotFoundError(
            f"{error}; name the folder of one staged dataset, such as datasets/<digest>, or "
            "s3://bucket/datasets/<digest>"
        ) from error
    manifest = parse(content, f"{root}/{MANIFEST}")
    return StagedDataset(root, manifest, _examples(root, manifest, client))


def _examples(
    root: str, manifest: Manifest, client: "S3Client | None"
) -> dict[str, tuple[bytes, ...]]:
    paths = defaultdict(list)
    for line in content_of(f"{root}/train.lst", client).splitlines():
        name, path = list_row(line, f"{root}/train.lst", manifest.classes)
        paths[name].append(f"{root}/train/{path}")
    return {
        name: tuple(content_of(path, client) for path in paths[name][:EXAMPLES])
        for name in manifest.classes
    }
