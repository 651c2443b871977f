"""Get pictures from the published archive, another archive, drawings, a folder or a list."""

import difflib
import hashlib
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rich.console import Console

from lambda_src.shared import class_names
from settings.s3_uris import is_s3
from settings.schema import Dataset
from training.cifar import cifar100, drawn
from training.cifar import rows as cifar_rows
from training.cifar.fetch import ARCHIVE_MD5, fetch, md5_of
from training.errors import StagingError
from training.folder import Folder
from training.lists.picture_list import PictureList
from training.pictures import PreparedPicture, Refusal, Source, SourcePicture
from training.preparation.prepare import prepare as make_uniform

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ARCHIVE_VARIABLE = "CIFAR_ARCHIVE"
CLASSES_SHOWN = 5
LIST_SUFFIXES = (".csv", ".tsv", ".txt", ".manifest", ".json", ".jsonl")
"""Of lists of pictures in S3; others are folders."""


@dataclass(frozen=True)
class CifarSource:
    """Holds pictures in CIFAR-100's form, and their origin."""

    name: Literal["cifar-100", "drawn"]
    pictures: cifar100.Cifar100
    archive_sha256: str | None = None
    """None without an archive."""
    archive_published: bool | None = None
    """True if its MD5 is that of the published archive; None without an archive."""


AnySource = CifarSource | Source


@dataclass(frozen=True)
class Prepared:
    """The pictures of the staged classes, uniform or refused, in the source's order."""

    source: AnySource
    classes: tuple[str, ...]
    side: int
    pictures: Sequence[PreparedPicture | Refusal]
    other_classes: Mapping[str, int]
    """Number of pictures of the source's other classes, which are not staged."""

    @cached_property
    def usable(self) -> list[PreparedPicture]:
        """Return the pictures that are not refused."""
        return [each for each in self.pictures if isinstance(each, PreparedPicture)]

    @cached_property
    def refused(self) -> list[Refusal]:
        """Return the refusals."""
        return [each for each in self.pictures if isinstance(each, Refusal)]


def from_archive(path: Path, *, classes: Collection[str] | None = None) -> CifarSource:
    """Read an archive in CIFAR-100's layout, which need not be the published one.

    Only pictures of `classes` are kept (default: all).

    Raises:
        StagingError: the file cannot be read; `ArchiveRefusedError` if its content is refused.
    """
    try:
        pictures = cifar100.load(path, classes=classes)  # first: it refuses pipes and huge files
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        published = md5_of(path) == ARCHIVE_MD5
    except OSError as error:
        raise StagingError(
            f"archive {path}: {error.strerror or error}; "
            f"check --archive or ${ARCHIVE_VARIABLE}, or unset the variable to download the archive"
        ) from error
    return CifarSource("cifar-100", pictures, archive_sha256=sha256, archive_published=published)


def real(
    archive: Path | None = None,
    *,
    classes: Collection[str] | None = None,
    console: Console | None = None,
) -> CifarSource:
    """Read `archive`, else the file in `$CIFAR_ARCHIVE`, else the download.

    Only pictures of `classes` are kept (default: all); `console` shows the progress of a download.

    Raises:
        ArchiveUnavailableError: no file was named and the download failed.
        StagingError: as `from_archive`.
    """
    named = archive or os.environ.get(ARCHIVE_VARIABLE)
    return from_archive(Path(named) if named else fetch(console=console), classes=classes)


def drawing(classes: Sequence[str]) -> CifarSource:
    """Draw as many stand-ins as CIFAR-100 has; raise StagingError if a class cannot be drawn."""
    return CifarSource("drawn", drawn.draw(classes))


def kind_of(location: str) -> Literal["folder", "manifest"]:
    """Tell whether a path or S3 URI names a folder of pictures or a list."""
    path = Path(location).expanduser()
    if is_s3(location) or not path.exists():
        return "manifest" if location.lower().endswith(LIST_SUFFIXES) else "folder"
    return "manifest" if path.is_file() else "folder"


def of_settings(
    options: Dataset,
    *,
    archive: Path | None = None,
    s3: Callable[[], "S3Client"],
    console: Console | None = None,
) -> AnySource:
    """Return the source that the settings name; `s3` is called if it is in S3.

    Raises:
        StagingError: they name no folder or list; and as `real`, `drawing`.
    """
    if options.source == "cifar-100":
        return real(archive, classes=options.classes, console=console)
    if options.source == "drawn":
        return drawing(options.classes)
    location = options.pictures
    if location is None:
        raise StagingError(
            f'dataset.pictures is not set: dataset.source = "{options.source}" needs the '
            f"{'folder' if options.source == 'folder' else 'list'}; set it, or name it with "
            "--pictures"
        )
    return (PictureList if options.source == "manifest" else Folder)(location, s3=s3)


def prepare(
    source: AnySource,
    classes: Sequence[str],
    *,
    side: int,
    console: Console | None = None,
) -> Prepared:
    """Check the pictures of `classes` (default: all, alphabetically) and make them uniform.

    Raises:
        StagingError: the source lacks a class, has less than two, or cannot be read.
    """
    if isinstance(source, CifarSource):
        names = source.pictures.class_names
        _check_classes(classes, names, remedy="name others")
        rows = cifar_rows.prepare(source.pictures, classes)
        return Prepared(source, tuple(classes), cifar100.SIDE, rows, {})
    listed = list(source.pictures())
    counts = Counter(each.label for each in listed if isinstance(each, SourcePicture))
    _check_classes(
        classes, sorted(counts), remedy="list those to stage, or remove the key to stage all"
    )
    staged = tuple(classes) or tuple(sorted(counts))
    if not classes and (reason := class_names.fault(list(staged))):
        refused = next((each for each in listed if isinstance(each, Refusal)), None)
        first = f" (first refused: {refused.path}: {refused.reason})" if refused else ""
        raise StagingError(
            f"{source.location} has {len(staged)} classes with pictures{first}: {reason}"
        )
    wanted = [each for each in listed if isinstance(each, Refusal) or each.label in staged]
    return Prepared(
        source,
        staged,
        side,
        make_uniform(_Listed(source, wanted), side=side, console=console),
        {name: count for name, count in counts.items() if name not in staged},
    )


class _Listed:
    """A source whose pictures are listed already."""

    def __init__(self, source: Source, pictures: Sequence[SourcePicture | Refusal]) -> None:
        self.name, self.location, self.read = source.name, source.location, source.read
        self._pictures = pictures

    def pictures(self) -> Iterator[SourcePicture | Refusal]:
        return iter(self._pictures)


def _check_classes(classes: Sequence[str], known: Sequence[str], *, remedy: str) -> None:
    for name in classes:
        if name not in known:
            similar = difflib.get_close_matches(name, known) or known[:CLASSES_SHOWN]
            raise StagingError(
                f"dataset.classes: {name!r} is not among the {len(known)} classes of the source, "
                f"such as {', '.join(map(repr, similar))}; {remedy}"
            )
