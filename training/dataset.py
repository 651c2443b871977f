"""From rows to the files of a dataset: select classes by name, check every row, encode, list.

Layout below `datasets/<digest>/`:

    train/<file>.png  validation/<file>.png  train.lst  validation.lst  manifest.json

The digest is a function of the pictures, their order, the classes and the kind of source alone:
the same input has the same digest on any machine.
"""

import difflib
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.cifar100 import Split
from training.errors import StagingError
from training.paths import writable_path
from training.source import Source

MANIFEST = "manifest.json"
FORMAT_VERSION = 1
DIGEST_CHARACTERS = 20

# Safe as a file name, in an S3 key and in a line of a .lst file; CIFAR-100's own names fit.
_SAFE_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.,'()+&-]{0,199}\.png")


@dataclass(frozen=True)
class Picture:
    """One picture of the dataset."""

    file_name: str
    label: int
    """Position of its class in the settings."""
    png: bytes
    """8-bit RGB, 32 x 32."""


@dataclass(frozen=True)
class RefusedRow:
    """A row of the source that did not become a picture, and why."""

    split: str
    row: int
    """Counted from 0 within the split of the source."""
    file_name: str
    reason: str


@dataclass(frozen=True)
class Dataset:
    """Everything that is staged, in memory (some 3 KB a picture)."""

    source: Source
    classes: tuple[str, ...]
    splits: Mapping[str, tuple[Picture, ...]]
    """Pictures of "train" and "validation"."""
    refused: tuple[RefusedRow, ...]

    @cached_property
    def digest(self) -> str:
        """Names the dataset: the first 80 bits of a SHA-256, in hex."""
        digest = hashlib.sha256()
        for part in (self.source.name, *self.classes):
            digest.update(part.encode() + b"\0")
        for path, content in self.data_files():
            digest.update(f"{path}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()[:DIGEST_CHARACTERS]

    @property
    def prefix(self) -> str:
        """Key prefix in the data bucket, without a slash at the end: the SSM parameter's value."""
        return f"datasets/{self.digest}"

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Pictures by split and class name."""
        labels = {name: Counter(p.label for p in split) for name, split in self.splits.items()}
        return {
            name: {label: counter[position] for position, label in enumerate(self.classes)}
            for name, counter in labels.items()
        }

    def manifest(self) -> dict[str, Any]:
        """What manifest.json says; it is the only source of class names downstream."""
        return {
            "format": FORMAT_VERSION,
            "source": self.source.name,
            "digest": self.digest,
            "classes": list(self.classes),
            "counts": self.counts,
            "archive_sha256": self.source.archive_sha256,
            "archive_published": self.source.archive_published,
            "refused": [asdict(row) for row in self.refused],
        }

    def data_files(self) -> Iterator[tuple[str, bytes]]:
        """Relative path and content of every file but the manifest."""
        for split, pictures in self.splits.items():
            for picture in pictures:
                yield f"{split}/{picture.file_name}", picture.png
            yield f"{split}.lst", _list_file(pictures)

    def manifest_file(self) -> tuple[str, bytes]:
        """Relative path and content of the manifest: written last, it means complete."""
        return MANIFEST, (json.dumps(self.manifest(), indent=2) + "\n").encode()


def build(source: Source, classes: Sequence[str]) -> Dataset:
    """Select `classes` from `source`, check their rows and encode what is kept.

    Training pictures come from the source's train split, validation pictures from its test split.

    Raises:
        StagingError: the source has no such class, or no picture of a class is left.
    """
    labels = _positions(classes, source.pictures.class_names)
    known = len(source.pictures.class_names)
    train = _check("train", source.pictures.train, labels, known=known, elsewhere=frozenset())
    validation = _check(
        "validation", source.pictures.test, labels, known=known, elsewhere=train.fingerprints
    )
    dataset = Dataset(
        source=source,
        classes=tuple(classes),
        splits={"train": train.kept, "validation": validation.kept},
        refused=train.refused + validation.refused,
    )
    _require_every_class(dataset)
    return dataset


def write(dataset: Dataset, folder: Path) -> Path:
    """Write the files below `<folder>/<digest>/`, and give that path.

    Raises:
        FileExistsError: a link would lead out of the folder.
    """
    for path, content in (*dataset.data_files(), dataset.manifest_file()):
        file = writable_path(folder, f"{dataset.digest}/{path}")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return folder / dataset.digest


def _positions(classes: Sequence[str], known: Sequence[str]) -> dict[int, int]:
    """Label in the source -> label in the dataset."""
    for name in classes:
        if name not in known:
            similar = ", ".join(difflib.get_close_matches(name, known)) or "none"
            raise StagingError(
                f"dataset.classes: {name!r} is not among the {len(known)} classes of the source; "
                f"similar names: {similar}"
            )
    return {known.index(name): position for position, name in enumerate(classes)}


@dataclass(frozen=True)
class _Checked:
    kept: tuple[Picture, ...]
    refused: tuple[RefusedRow, ...]
    fingerprints: Set[bytes]


def _check(
    split: str, rows: Split, labels: Mapping[int, int], *, known: int, elsewhere: Set[bytes]
) -> _Checked:
    """Check the rows of one split; `elsewhere` are fingerprints of pictures in another split."""
    kept: list[Picture] = []
    refused: list[RefusedRow] = []
    file_names: set[str] = set()
    fingerprints: set[bytes] = set()
    pictures = rows.pictures
    for row, (label, file_name) in enumerate(zip(rows.labels, rows.file_names, strict=True)):
        is_known = 0 <= label < known
        if is_known and label not in labels:
            continue
        fingerprint = hashlib.sha256(rows.rows[row].tobytes()).digest()
        checks = {
            "label is not in meta": is_known,
            "file name is not safe": _SAFE_FILE_NAME.fullmatch(file_name) is not None,
            "duplicate file name": file_name not in file_names,
            "duplicate picture": fingerprint not in fingerprints,
            "picture is in train, too": fingerprint not in elsewhere,
        }
        reason = next((reason for reason, passed in checks.items() if not passed), None)
        if reason:
            refused.append(RefusedRow(split, rows.numbers[row], file_name, reason))
            continue
        file_names.add(file_name)
        fingerprints.add(fingerprint)
        kept.append(Picture(file_name, labels[label], _png(pictures[row])))
    return _Checked(tuple(kept), tuple(refused), fingerprints)


def _png(picture: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    # Stored, not compressed: compressed bytes differ between builds of zlib, and thereby the
    # digest. It is also faster, and a picture grows by less than 1 KB.
    Image.fromarray(picture).save(buffer, "PNG", compress_level=0)
    return buffer.getvalue()


def _list_file(pictures: Sequence[Picture]) -> bytes:
    """Lines of index, label and path relative to the split's folder, as the algorithm wants it.

    Source: "Train with Image Format",
    https://docs.aws.amazon.com/sagemaker/latest/dg/image-classification.html
    """
    lines = (f"{i}\t{picture.label}\t{picture.file_name}\n" for i, picture in enumerate(pictures))
    return "".join(lines).encode()


def _require_every_class(dataset: Dataset) -> None:
    for split, counts in dataset.counts.items():
        for name, count in counts.items():
            if not count:
                refused = sum(row.split == split for row in dataset.refused)
                raise StagingError(
                    f"dataset.classes: no {split} picture of {name!r} is left "
                    f"({refused} {split} rows were refused); choose another archive or class"
                )
