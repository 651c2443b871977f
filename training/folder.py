"""List the pictures of a folder, on disk or in S3, that has one sub-folder for each class.

    scones/burnt/IMG_0001.jpg          scones/train/burnt/IMG_0001.jpg
    scones/fine/oven 2/IMG_0002.png    scones/validation/fine/oven 2/IMG_0002.png

Folders below a class are part of the picture's path only. In the second layout the folders on top
(`training.names.SPLIT_NAMES`) say which pictures train the model and which validate it.
"""

import os
import re
import stat
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import ClientError

from lambda_src.shared.messages import readable
from settings.s3_uris import S3Uri, is_s3
from training.errors import StagingError
from training.names import CONTROL, NOT_UTF8, SPLIT_NAMES, class_name
from training.pictures import Refusal, SourcePicture, Split
from training.reading import file_version, read_file, read_object

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef

# Written by systems and tools beside a user's own files.
_CLUTTER = re.compile(
    r"\..*|thumbs\.db|ehthumbs\.db|desktop\.ini|__macosx|@eadir|.*_\$folder\$",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file, or with a slash at its end a folder."""

    path: str
    """Relative to the source's folder."""
    size: int = 0
    version: str = ""
    problem: str = ""
    """Why it cannot be a picture, or listed."""


class _Files(Protocol):
    """Where the files are."""

    def folders(self) -> list[str]:
        """Return the names of the folders at the top."""
        ...

    def entries(self) -> Iterator[_Entry]:
        """Yield files and folders in the order of their paths' bytes, as S3 does."""
        ...

    def read(self, picture: SourcePicture) -> bytes:
        """Return the content of a file."""
        ...


class Folder:
    """A source: a local folder or a prefix in S3, with one sub-folder for each class."""

    name = "folder"

    def __init__(self, location: str, *, s3: Callable[[], "S3Client"]) -> None:
        """List a path or `s3://BUCKET/PREFIX`; `s3` returns a client, if S3 is needed.

        Raises:
            S3UriError: the location is meant to be in S3, and is no such URI.
        """
        self.location = location
        self._files: _Files = (
            _Objects(S3Uri.parse(location), s3()) if is_s3(location) else _LocalFiles(location)
        )

    def pictures(self) -> Iterator[SourcePicture | Refusal]:
        """List everything; hidden files, and those that systems write, are left out.

        Raises:
            StagingError: it cannot be listed, or has not at least two classes.
            BotoCoreError: AWS cannot be reached.
        """
        splits = self._splits()
        without_pictures: dict[str, None] = {}
        labels: set[str] = set()
        refusal: Refusal | None = None
        for entry in self._files.entries():
            *folders, name = entry.path.split("/")
            if any(map(_CLUTTER.fullmatch, (*folders, name))):
                continue
            class_folder = "/".join(folders[: 2 if splits else 1]) + "/"
            if entry.path == class_folder and len(folders) == (2 if splits else 1):
                without_pictures[class_folder] = None
            if not name and not entry.size and not entry.problem:
                continue
            without_pictures.pop(class_folder, None)
            listed = _listed(entry, splits)
            if isinstance(listed, Refusal):
                refusal = refusal or listed
            else:
                labels.add(listed.label)
            yield listed
        for folder in without_pictures:
            yield Refusal(readable(folder), "holds no file")
        if len(labels) < 2:
            found = f"one class only, {min(labels)!r}" if labels else "no class with a picture"
            first = f" (first refused: {refusal.path}: {refusal.reason})" if refusal else ""
            raise StagingError(
                f"folder {self.location} has {found}{first}; expected two or more sub-folders, "
                "named after their classes, with pictures in them"
            )

    def read(self, picture: SourcePicture) -> bytes:
        """Return a picture's file.

        Raises:
            PictureRefusedError: it is gone, has changed, is too large or archived.
            OSError, ClientError, BotoCoreError: it cannot be read.
        """
        return self._files.read(picture)

    def _splits(self) -> dict[str, Split]:
        """Return the split of each folder at the top, or nothing if these are the classes."""
        names = [name for name in self._files.folders() if not _CLUTTER.fullmatch(name)]
        splits = {
            name: SPLIT_NAMES[name.casefold()] for name in names if name.casefold() in SPLIT_NAMES
        }
        if len(set(splits.values())) == 2:
            return splits
        if names and len(splits) == len(names):
            lacking = "train" if "validation" in splits.values() else "validation"
            raise StagingError(
                f"folder {self.location} has {_all(splits)}, and nothing beside it: add "
                f"{lacking}/, or name {self.location.rstrip('/')}/{names[0]} to have its pictures "
                "divided"
            )
        return {}  # a class may be called "train"


def _all(names: Collection[str]) -> str:
    return " and ".join(f"{name}/" for name in names)


def _listed(entry: _Entry, splits: Mapping[str, Split]) -> SourcePicture | Refusal:
    folders = entry.path.split("/")[:-1]
    split = splits.get(folders[0]) if folders else None
    if splits:
        folders = folders[1:]
    try:
        if entry.problem:
            raise ValueError(entry.problem)
        if NOT_UTF8.search(entry.path):
            raise ValueError("the bytes of its name are not UTF-8; rename it")
        if splits and not split:
            raise ValueError(f"is beside {_all(splits)}; move it into a class in one of them")
        if not folders:
            raise ValueError("is beside the folders of the classes; move it into one of them")
        label = class_name(folders[0])
        if CONTROL.search(entry.path):
            raise ValueError("its name has control characters; rename it")
        if entry.path.endswith("/"):
            raise ValueError("its name ends with a slash; rename the object")
    except ValueError as error:
        return Refusal(readable(entry.path), str(error))
    return SourcePicture(
        path=entry.path, label=label, split=split, size=entry.size, version=entry.version
    )


class _LocalFiles:
    """Files of a folder on disk; links are followed."""

    def __init__(self, location: str) -> None:
        self._location = location
        self._root = Path(location).expanduser()

    def folders(self) -> list[str]:
        """Return the names of the folders at the top."""
        return [name.rstrip("/") for name in self._children("") if name.endswith("/")]

    def entries(self) -> Iterator[_Entry]:
        listed: set[tuple[int, int]] = set()
        pending = [""]
        while pending:
            path = pending.pop()
            file = self._root / path
            try:
                status = file.stat()
                if not path or path.endswith("/"):
                    folder = (status.st_dev, status.st_ino)
                    if folder in listed and _is_link(file):
                        yield _Entry(path, problem="links to a folder that is listed already")
                        continue
                    listed.add(folder)
                    pending += [path + name for name in reversed(self._children(path))]
                    if path:
                        yield _Entry(path)
                elif stat.S_ISREG(status.st_mode):
                    yield _Entry(path, status.st_size, file_version(status))
                else:
                    yield _Entry(path, problem="is not a regular file")
            except OSError as error:
                dangling = isinstance(error, FileNotFoundError) and _is_link(file)
                reason = "it links to nothing" if dangling else error.strerror
                yield _Entry(path, problem=f"cannot be read: {reason}")

    def read(self, picture: SourcePicture) -> bytes:
        return read_file(self._root / picture.path, picture.version)

    def _children(self, path: str) -> list[str]:
        """Return the names in a folder; those of folders end with a slash."""
        try:
            with os.scandir(self._root / path) as entries:
                names = [
                    f"{entry.name}/" if _is_folder(entry) else entry.name
                    for entry in entries
                    if not _CLUTTER.fullmatch(entry.name)
                ]
        except OSError as error:
            if path:
                raise
            raise StagingError(
                f"folder {self._location}: {error.strerror}; name a folder with one sub-folder for "
                "each class (dataset.pictures, or --pictures)"
            ) from error
        return sorted(names, key=os.fsencode)


def _is_link(file: Path) -> bool:
    try:
        return file.is_symlink()
    except OSError:  # such as a path that is too long
        return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # such as a link to itself
        return False


class _Objects:
    """Objects below a prefix."""

    def __init__(self, uri: S3Uri, s3: "S3Client") -> None:
        self._bucket = uri.bucket
        self._prefix = f"{uri.key.removesuffix('/')}/" if uri.key else ""
        self._s3 = s3

    def folders(self) -> list[str]:
        return [
            prefix["Prefix"].removeprefix(self._prefix).removesuffix("/")
            for page in self._pages("/")
            for prefix in page.get("CommonPrefixes", ())
        ]

    def entries(self) -> Iterator[_Entry]:
        for page in self._pages():
            for item in page.get("Contents", ()):
                if path := item["Key"].removeprefix(self._prefix):
                    yield _Entry(path, item["Size"], item["ETag"])

    def _pages(self, delimiter: str = "") -> "Iterator[ListObjectsV2OutputTypeDef]":
        pages = self._s3.get_paginator("list_objects_v2")
        try:
            yield from pages.paginate(Bucket=self._bucket, Prefix=self._prefix, Delimiter=delimiter)
        except ClientError as error:
            raise StagingError(f"folder s3://{self._bucket}/{self._prefix}: {error}") from error

    def read(self, picture: SourcePicture) -> bytes:
        return read_object(self._s3, self._bucket, self._prefix + picture.path, picture.version)
