"""Read a staged dataset, the pictures that the model learned from.

`scones stage` writes it, to a folder or below an S3 prefix: manifest.json, and for each split a
list (train.lst, validation.lst) and a folder of pictures.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.files import OBJECTS_IN_FLIGHT, client_for, content_of
from analysis.labels import GroundTruthError, Label
from analysis.pictures import fingerprint
from training.manifest import FILE as MANIFEST
from training.manifest import Manifest, parse
from training.paths import relative_path
from training.pictures import SPLITS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

EXAMPLES = 8
"""Of each class, if that is not more than `MOST_EXAMPLES` in all."""
MOST_EXAMPLES = 100


@dataclass(frozen=True)
class DatasetPreview:
    """The manifest of a staged dataset, with some of its pictures."""

    location: str
    manifest: Manifest
    examples: Mapping[str, Sequence[bytes]]
    """The first training pictures by class."""


def read_preview(location: str) -> DatasetPreview:
    """Return a preview of the dataset in a folder or below `s3://bucket/datasets/<digest>`.

    Errors are those of `read_manifest` and `labelled_fingerprints`.
    """
    root = location.rstrip("/")
    client = client_for(root)
    manifest = read_manifest(root, client)
    paths: dict[str, list[str]] = {name: [] for name in manifest.classes}
    for name, path in _rows(root, "train", manifest.classes, client):
        paths[name].append(path)
    number = max(1, min(EXAMPLES, MOST_EXAMPLES // len(paths)))
    with ThreadPoolExecutor(OBJECTS_IN_FLIGHT) as pool:
        examples = {
            name: list(pool.map(lambda path: content_of(path, client), each[:number]))
            for name, each in paths.items()
        }
    return DatasetPreview(root, manifest, examples)


def read_manifest(root: str, s3_client: "S3Client | None") -> Manifest:
    """Return the manifest in a folder or below an S3 prefix; raise ValueError if it is damaged."""
    file = f"{root}/{MANIFEST}"
    try:
        return parse(content_of(file, s3_client), file)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{error}; name the folder or S3 prefix of one staged dataset: datasets/<digest>"
        ) from error


def labelled_fingerprints(
    root: str, classes: Sequence[str], s3_client: "S3Client | None"
) -> Iterator[tuple[int, Label]]:
    """Yield fingerprint and label of every listed picture; raise GroundTruthError for a bad one."""

    def fingerprint_of(path: str) -> int:
        content = content_of(path, s3_client)
        try:
            return fingerprint(content)
        except ValueError as error:
            raise GroundTruthError(f"{path}: {error}") from error

    for split in SPLITS:
        rows = _rows(root, split, classes, s3_client)
        with ThreadPoolExecutor(OBJECTS_IN_FLIGHT) as pool:
            fingerprints = pool.map(fingerprint_of, [path for _, path in rows])
            for line, ((name, _), value) in enumerate(zip(rows, fingerprints, strict=True), 1):
                yield value, Label(name, f"{root}/{split}.lst", line)


def _rows(
    root: str, split: str, classes: Sequence[str], s3_client: "S3Client | None"
) -> list[tuple[str, str]]:
    """Return class and path of each picture in a list."""
    file = f"{root}/{split}.lst"
    rows = []
    for row in content_of(file, s3_client).splitlines():
        try:
            _, label, path = row.decode().split("\t")
            index = range(len(classes)).index(int(label))  # refuses -1 as well
            rows.append((classes[index], f"{root}/{split}/{relative_path(path)}"))
        except ValueError as error:
            raise GroundTruthError(
                f"{file}: {row[:80]!r} is not index, label and path of one of {len(classes)} "
                "classes; stage the dataset again"
            ) from error
    return rows
