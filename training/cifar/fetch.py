"""Download the published CIFAR-100 archive once, into a per-user cache folder.

Address and MD5 are from the dataset's page, https://www.cs.toronto.edu/~kriz/cifar.html. A broken
transfer resumes where it stopped; the checksum is verified at the end.
"""

import errno
import hashlib
import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import DownloadColumn, Progress, TaskID, TransferSpeedColumn

from training.errors import ArchiveUnavailableError
from training.paths import cache_folder

ARCHIVE_URL = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
ARCHIVE_MD5 = "eb9058c3a382ffc7106e4002c42a8d85"

# Short, so that a machine without network fails soon; a stalled transfer resumes anyway.
TIMEOUT_SECONDS = 8.0
PAUSES_SECONDS = (1.0, 2.0, 4.0, 8.0)
CHUNK_BYTES = 256 * 1024

_TRANSIENT_STATUSES = {408, 429, *range(500, 600)}
_BROKEN_TRANSFER = (
    urllib.error.URLError,
    http.client.HTTPException,
    ConnectionError,
    TimeoutError,
)


def md5_of(path: Path) -> str:
    """Return the MD5 of a file in hex, the checksum that the dataset's page publishes."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    return digest.hexdigest()


def fetch(
    *,
    url: str = ARCHIVE_URL,
    md5: str = ARCHIVE_MD5,
    folder: Path | None = None,
    console: Console | None = None,
    pauses: Sequence[float] = PAUSES_SECONDS,
) -> Path:
    """Return the path of the verified archive in `folder` (default: `cache_folder()`).

    `pauses` are the seconds between attempts; each attempt that receives bytes starts them anew.

    Raises:
        ArchiveUnavailableError: no network, the server refuses, the checksum is wrong, or the
            folder cannot be written.
    """
    folder = folder or cache_folder()
    target = folder / url.rsplit("/", 1)[-1]
    if target.exists() and md5_of(target) == md5:
        return target
    _make_writable(folder)
    part = target.with_name(f"{target.name}.part")
    # A resumed file may begin with a part of an older one: then download it once more.
    for _ in range(2):
        resumed = _download(url, part, console=console, pauses=pauses)
        found = md5_of(part)
        if found == md5:
            return part.replace(target)
        part.unlink()
        if not resumed:
            break
    raise ArchiveUnavailableError(
        f"{url}: the download has MD5 {found}, the published archive has {md5}; "
        "check whether a proxy or a login page answered instead"
    )


def _make_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise ArchiveUnavailableError(
            f"the download folder {folder} cannot be written ({error.strerror}); "
            "set XDG_CACHE_HOME to a writable folder"
        ) from error


def _download(url: str, part: Path, *, console: Console | None, pauses: Sequence[float]) -> bool:
    """Complete the file `part`; return True if its last piece continued an earlier one."""
    size_at_start = _size(part)
    waits = iter(pauses)
    columns = (*Progress.get_default_columns(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(f"Downloading {url.rsplit('/', 1)[-1]}", total=None)
        while True:
            size_before = _size(part)
            try:
                return _transfer(url, part, progress=progress, task=task)
            except _BROKEN_TRANSFER as error:
                size = _size(part)
                if size > size_before:
                    waits = iter(pauses)
                pause = next(waits, None)
                if pause is None or _is_final(error, started=size != size_at_start):
                    reason = getattr(error, "reason", error) or type(error).__name__
                    raise ArchiveUnavailableError(
                        f"{url}: cannot be downloaded: {reason}; check the network"
                    ) from error
                time.sleep(pause)


def _transfer(url: str, part: Path, *, progress: Progress, task: TaskID) -> bool:
    """Append the missing bytes to `part`; return True if the server sent only these."""
    have = _size(part)
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if not have or error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        return True  # Complete already; the checksum is verified later.
    with response:
        resumed: bool = response.status == http.HTTPStatus.PARTIAL_CONTENT
        have = have if resumed else 0
        total = None if response.length is None else have + response.length
        progress.update(task, total=total, completed=have)
        with part.open("ab" if resumed else "wb") as file:
            while chunk := response.read(CHUNK_BYTES):
                file.write(chunk)
                progress.advance(task, len(chunk))
        # http.client accepts a body that is too short.
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)
    return resumed


def _is_final(error: Exception, *, started: bool) -> bool:
    if isinstance(error, urllib.error.HTTPError):
        return error.code not in _TRANSIENT_STATUSES
    no_connection = isinstance(error, urllib.error.URLError | TimeoutError)
    return no_connection and not started


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
