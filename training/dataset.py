"""Define the files of a staged dataset.

Layout below `datasets/<digest>/`:

    train/<file>.png  validation/<file>.png  train.lst  validation.lst  pictures.csv  manifest.json

The digest depends only on the pictures, their splits, the classes and the kind of source, so it is
the same on any machine.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from settings.schema import CIFAR_SIDE
from training import manifest, pictures_csv
from training.manifest import AddedPicture, Manifest, RefusedPicture
from training.paths import writable_path
from training.pictures import PreparedPicture, Refusal, Split, counts
from training.pictures_csv import StagedPicture
from training.selection import Selection, check, select
from training.source import CifarSource, prepare

FOLDER = "datasets"  # of the data bucket
DIGEST_CHARACTERS = 20
FILE_NAME_CHARACTERS = 24
"""Of a picture's SHA-256; 100,000 pictures have the same ones by a chance of 1 in 10 ** 19."""


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


@dataclass(frozen=True, slots=True)
class File:
    """A file of a dataset."""

    path: str
    """Below the dataset's folder."""
    content: bytes | Path | StagedObject

    @property
    def size(self) -> int:
        """Return the number of bytes."""
        match self.content:
            case bytes(content):
                return len(content)
            case Path() as path:
                return path.stat().st_size
            case StagedObject(size=size):
                return size


@dataclass(frozen=True)
class Dataset:
    """A dataset; pictures of your own stay on disk or in S3."""

    source: str
    """Its kind, such as "cifar-100" or "folder"."""
    side: int
    """Pixels of width and height of every picture."""
    classes: tuple[str, ...]
    splits: Mapping[Split, Sequence[Picture]]
    """Pictures of "train" and "validation"."""
    refused: tuple[Refusal, ...]
    archive_sha256: str | None = None
    archive_published: bool | None = None
    parent: str | None = None
    """Digest of the dataset to which labels from production were added."""
    added: tuple[AddedPicture, ...] = ()
    """Pictures that such labels added, to `parent` or to its own parents."""

    @cached_property
    def digest(self) -> str:
        """Return the name of the dataset: the first 80 bits of a SHA-256, in hex."""
        digest = hashlib.sha256()
        for part in (self.source, *self.classes):
            digest.update(part.encode() + b"\0")
        for split, pictures in self.splits.items():
            for picture in pictures:
                # The hash of a picture on disk or in S3 stands for it, so nothing is read again.
                content = picture.content
                hashed = content if isinstance(content, bytes) else picture.sha256.encode()
                path = f"{split}/{picture.file_name}"
                digest.update(f"{path}\0{len(hashed)}\0".encode() + hashed)
            listed = _list_file(pictures)
            digest.update(f"{split}.lst\0{len(listed)}\0".encode() + listed)
        return digest.hexdigest()[:DIGEST_CHARACTERS]

    @property
    def prefix(self) -> str:
        """Return the key prefix in the data bucket, the value of the SSM parameter."""
        return f"{FOLDER}/{self.digest}"

    @cached_property
    def counts(self) -> dict[str, dict[str, int]]:
        """Return the number of pictures by split and class name."""
        labels = {
            split: [self.classes[each.label] for each in pictures]
            for split, pictures in self.splits.items()
        }
        return counts(labels, self.classes)

    def data_files(self) -> Iterator[File]:
        """Yield the files that the digest stands for."""
        for split, pictures in self.splits.items():
            for picture in pictures:
                yield File(f"{split}/{picture.file_name}", picture.content)
            yield File(f"{split}.lst", _list_file(pictures))

    def descriptions(self) -> tuple[File, File]:
        """Return pictures.csv and the manifest; written last, they mark a complete dataset."""
        listed = pictures_csv.serialize(
            StagedPicture(
                split=split,
                file=picture.file_name,
                label=self.classes[picture.label],
                sha256=picture.sha256,
                fingerprint=picture.fingerprint.hex(),
                source=picture.origin,
            )
            for split, pictures in self.splits.items()
            for picture in pictures
        )
        described = Manifest(
            source=self.source,
            digest=self.digest,
            classes=self.classes,
            counts=self.counts,
            side=self.side,
            bytes=sum(file.size for file in self.data_files() if file.path.endswith(".png")),
            archive_sha256=self.archive_sha256,
            archive_published=self.archive_published,
            refused=tuple(
                RefusedPicture(path=each.path, reason=each.reason) for each in self.refused
            ),
            pictures_sha256=hashlib.sha256(listed).hexdigest(),
            parent=self.parent,
            added=self.added,
        )
        return File(pictures_csv.FILE, listed), File(manifest.FILE, manifest.serialize(described))


def build(
    source: CifarSource,
    classes: Sequence[str],
    *,
    max_refused_percent: float = 5,
) -> Dataset:
    """Return the dataset of `classes` of CIFAR-100's pictures, or of drawn ones.

    Raises:
        StagingError: too many pictures are refused, or too few are left of a class; and as
            `training.source.prepare`.
    """
    selection = select(prepare(source, classes, side=CIFAR_SIDE))
    check(selection, max_refused_percent=max_refused_percent)
    return compose(selection)


def file_name(sha256: str) -> str:
    """Return the name of the file of a picture of your own."""
    return f"{sha256[:FILE_NAME_CHARACTERS]}.png"


def compose(selection: Selection) -> Dataset:
    """Name the files of the selected pictures."""
    prepared, source = selection.prepared, selection.prepared.source
    cifar = source if isinstance(source, CifarSource) else None
    labels = {name: position for position, name in enumerate(prepared.classes)}

    def picture(each: PreparedPicture) -> Picture:
        path = each.source.path
        name = path if cifar else file_name(each.sha256)
        label = labels[each.source.label]
        return Picture(name, label, each.sha256, each.fingerprint, path, each.content)

    return Dataset(
        source=source.name,
        side=prepared.side,
        classes=prepared.classes,
        splits={split: tuple(map(picture, each)) for split, each in selection.splits.items()},
        refused=(*selection.refused, *selection.left_out),
        archive_sha256=cifar.archive_sha256 if cifar else None,
        archive_published=cifar.archive_published if cifar else None,
    )


def write(
    dataset: Dataset, folder: Path, *, fetch: Callable[[StagedObject], bytes] | None = None
) -> Path:
    """Write the files below `<folder>/<digest>/`, never through a link; return that path.

    `fetch` reads pictures of an earlier dataset.
    """
    for file in (*dataset.data_files(), *dataset.descriptions()):
        target = writable_path(folder, f"{dataset.digest}/{file.path}")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(read(file, fetch=fetch))
    return folder / dataset.digest


def read(file: File, *, fetch: Callable[[StagedObject], bytes] | None = None) -> bytes:
    """Return the content of a file; `fetch` reads pictures of an earlier dataset."""
    match file.content:
        case bytes(content):
            return content
        case Path() as path:
            return path.read_bytes()
        case StagedObject() as staged:
            assert fetch, "a dataset with pictures of an earlier one needs S3"
            return fetch(staged)


def _list_file(pictures: Sequence[Picture]) -> bytes:
    """Return lines of index, label and path below the split's folder, as the algorithm reads them.

    Source: "Train with Image Format",
    https://docs.aws.amazon.com/sagemaker/latest/dg/image-classification.html
    """
    lines = (f"{i}\t{picture.label}\t{picture.file_name}\n" for i, picture in enumerate(pictures))
    return "".join(lines).encode()
