"""Get pictures from the published archive, another archive, or drawings."""

import hashlib
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console

from training import cifar100, drawn
from training.errors import StagingError
from training.fetch import ARCHIVE_MD5, fetch, md5_of

ARCHIVE_VARIABLE = "CIFAR_ARCHIVE"


@dataclass(frozen=True)
class Source:
    """Holds pictures in CIFAR-100's form, and their origin."""

    name: Literal["cifar-100", "drawn"]
    pictures: cifar100.Cifar100
    archive_sha256: str | None = None
    """None without an archive."""
    archive_published: bool | None = None
    """True if its MD5 is that of the published archive; None without an archive."""


def from_archive(path: Path, *, classes: Collection[str] | None = None) -> Source:
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
    return Source("cifar-100", pictures, archive_sha256=sha256, archive_published=published)


def real(
    archive: Path | None = None,
    *,
    classes: Collection[str] | None = None,
    console: Console | None = None,
) -> Source:
    """Read `archive`, else the file in `$CIFAR_ARCHIVE`, else the download.

    Only pictures of `classes` are kept (default: all); `console` shows the progress of a download.

    Raises:
        ArchiveUnavailableError: no file was named and the download failed.
        StagingError: as `from_archive`.
    """
    named = archive or os.environ.get(ARCHIVE_VARIABLE)
    return from_archive(Path(named) if named else fetch(console=console), classes=classes)


def drawing(classes: Sequence[str]) -> Source:
    """Draw as many stand-ins as CIFAR-100 has; raise StagingError if a class cannot be drawn."""
    return Source("drawn", drawn.draw(classes))
