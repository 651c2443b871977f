"""Turn rows into the files of a dataset: select classes, check every row, encode, list.

Layout below `datasets/<digest>/`:

    train/<file>.png  validation/<file>.png  train.lst  validation.lst  manifest.json

The digest depends only on the pictures, their order, the classes and the kind of source, so it is
the same on any machine.
"""

import difflib
import hashlib
import io
import re
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.cifar100 import Split
from training.errors import StagingError
from training.manifest import Manifest, RefusedPicture, serialize
from training.paths import writable_path
from training.source import Source

FOLDER = "datasets"  # of the data bucket
MANIFEST = "manifest.json"
DIGEST_CHARACTERS = 20

# Safe as a file name, in an S3 key and in a line of a .lst file; CIFAR-100's own names fit.
_SAFE_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.,'()+&-]{0,199}\.png")


@dataclass(frozen=True, slots=True)
class StagedObject:
    """A picture of an earlier dataset in the data bucket, which S3 copies."""

    key: str
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of the dataset."""

    file_name: str
    label: int
    """Position of its class in `Dataset.classes`."""
    sha256: str
    """Of the PNG file, in hex."""
    fingerprint: bytes
    """`training.duplicates.fingerprint`."""
    origin: str
    """Path in the source, as people know it."""
    content: bytes | Path | StagedObject
    """The PNG file: 8-bit RGB, square."""


@dataclass(frozen=True)
class Dataset:
    """A dataset in memory (about 3 KB per picture)."""

    source: Source
    classes: tuple[str, ...]
    splits: Mapping[str, tuple[Picture, ...]]
    """Pictures of "train" and "validation"."""
    refused: tuple[RefusedPicture, ...]

    @cached_property
    def digest(self) -> str:
        """Return the name of the dataset: the first 80 bits of a SHA-256, in hex."""
        digest = hashlib.sha256()
        for part in (self.source.name, *self.classes):
            digest.update(part.encode() + b"\0")
        for path, content in self.data_files():
            digest.update(f"{path}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()[:DIGEST_CHARACTERS]

    @property
    def prefix(self) -> str:
        """Return the key prefix in the data bucket, the value of the SSM parameter."""
        return f"{FOLDER}/{self.digest}"

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Return the number of pictures by split and class name."""
        labels = {name: Counter(p.label for p in split) for name, split in self.splits.items()}
        return {
            name: {label: counter[position] for position, label in enumerate(self.classes)}
            for name, counter in labels.items()
        }

    def data_files(self) -> Iterator[tuple[str, bytes]]:
        """Yield path and content of every file but the manifest."""
        for split, pictures in self.splits.items():
            for picture in pictures:
                assert isinstance(picture.content, bytes)
                yield f"{split}/{picture.file_name}", picture.content
            yield f"{split}.lst", _list_file(pictures)

    def manifest_file(self) -> tuple[str, bytes]:
        """Return path and content of the manifest; written last, it marks a complete dataset."""
        manifest = Manifest(
            source=self.source.name,
            digest=self.digest,
            classes=self.classes,
            counts=self.counts,
            archive_sha256=self.source.archive_sha256,
            archive_published=self.source.archive_published,
            refused=self.refused,
        )
        return MANIFEST, serialize(manifest)


def build(source: Source, classes: Sequence[str]) -> Dataset:
    """Select `classes` from `source`, check their rows and encode the pictures.

    Training pictures come from the source's train split, validation pictures from its test split.

    Raises:
        StagingError: the source lacks a class, or no picture of a class is left.
    """
    labels = _positions(classes, source.pictures.class_names)
    known = len(source.pictures.class_names)
    refused: list[RefusedPicture] = []
    train = _check("train", source.pictures.train, labels, known, refused)
    validation = _check("validation", source.pictures.test, labels, known, refused, elsewhere=train)
    dataset = Dataset(
        source=source,
        classes=tuple(classes),
        splits={"train": tuple(train.values()), "validation": tuple(validation.values())},
        refused=tuple(refused),
    )
    _require_every_class(dataset)
    return dataset


def write(dataset: Dataset, folder: Path) -> Path:
    """Write the files below `<folder>/<digest>/`, never through a link; return that path."""
    for path, content in (*dataset.data_files(), dataset.manifest_file()):
        file = writable_path(folder, f"{dataset.digest}/{path}")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return folder / dataset.digest


def _positions(classes: Sequence[str], known: Sequence[str]) -> dict[int, int]:
    """Map labels of the source to labels of the dataset."""
    for name in classes:
        if name not in known:
            similar = ", ".join(difflib.get_close_matches(name, known)) or "none"
            raise StagingError(
                f"dataset.classes: {name!r} is not among the {len(known)} classes of the source; "
                f"similar names: {similar}"
            )
    return {known.index(name): position for position, name in enumerate(classes)}


def _check(
    split: str,
    rows: Split,
    labels: Mapping[int, int],
    known: int,
    refused: list[RefusedPicture],
    *,
    elsewhere: Container[bytes] = (),
) -> dict[bytes, Picture]:
    """Return the pictures of a split by fingerprint, and append its `refused` rows.

    `elsewhere` are the fingerprints of another split.
    """
    kept: dict[bytes, Picture] = {}
    file_names: set[str] = set()
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
            "duplicate picture": fingerprint not in kept,
            "picture is also in train": fingerprint not in elsewhere,
        }
        reason = next((reason for reason, passed in checks.items() if not passed), None)
        if reason:
            number = rows.numbers[row]
            refused.append(RefusedPicture(path=f"{split} row {number}: {file_name}", reason=reason))
            continue
        file_names.add(file_name)
        png = _png(pictures[row])
        sha256 = hashlib.sha256(png).hexdigest()
        kept[fingerprint] = Picture(
            file_name, labels[label], sha256, b"", f"{split}/{file_name}", png
        )
    return kept


def _png(picture: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    # Compressed bytes differ between builds of zlib, and so would the digest. Storing is also
    # faster, and a picture grows by less than 1 KB.
    Image.fromarray(picture).save(buffer, "PNG", compress_level=0)
    return buffer.getvalue()


def _list_file(pictures: Sequence[Picture]) -> bytes:
    """Return lines of index, label and path below the split's folder, as the algorithm reads them.

    Source: "Train with Image Format",
    https://docs.aws.amazon.com/sagemaker/latest/dg/image-classification.html
    """
    lines = (f"{i}\t{picture.label}\t{picture.file_name}\n" for i, picture in enumerate(pictures))
    return "".join(lines).encode()


def _require_every_class(dataset: Dataset) -> None:
    for split, counts in dataset.counts.items():
        for name, count in counts.items():
            if not count:
                refused = sum(row.path.startswith(split) for row in dataset.refused)
                raise StagingError(
                    f"dataset.classes: no {split} picture of {name!r} is left "
                    f"({refused} {split} rows were refused); choose another archive or class"
                )
