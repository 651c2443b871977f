"""Read an untrusted archive as streams: nothing is extracted, and little is kept in memory.

Time and memory are bounded by limits on the size of the file, its unpacked bytes, the number of
members and their headers. `training.cifar.pickles` reads the content of a member.
"""

import gzip
import io
import posixpath
import stat
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, TypeVar

from training.errors import ArchiveRefusedError

# The published archive unpacks to 178 MiB; rewritten by Python 3 in protocol 2, to 250 MiB.
MAX_UNPACKED_BYTES = 320 * 1024**2
# The published archive has five.
MAX_MEMBERS = 1000
# Long names, pax records and sparse maps, of all members together.
MAX_HEADER_BYTES = 256 * 1024
# One plain member: its header, a record of its exact time, and padding.
_PLAIN_HEADER_BYTES = 2 * 1024
_READ_BYTES = 64 * 1024
_MAX_SHOWN = 200
_REMEDY = "use CIFAR-100's Python version"

T = TypeVar("T")


def read_members(
    path: Path,
    readers: Mapping[str, Callable[[IO[bytes]], T]],
    *,
    max_bytes: int = MAX_UNPACKED_BYTES,
) -> dict[str, T]:
    """Return each reader's result by member name; each reads a forward-only stream.

    Raises:
        ArchiveRefusedError: as `checked_members`, or a member is missing.
        OSError: the file cannot be read.
    """
    members: dict[str, T] = {}
    for name, content in checked_members(path, max_bytes=max_bytes, instead=_REMEDY):
        if name in readers:
            members[name] = readers[name](content or io.BytesIO())
    missing = [name for name in readers if name not in members]
    if missing:
        raise ArchiveRefusedError(
            f"no member {', '.join(missing)}; expected the layout of CIFAR-100's Python version"
        )
    return members


def checked_members(
    path: Path, *, max_bytes: int, instead: str
) -> Iterator[tuple[str, IO[bytes] | None]]:
    """Yield name and content of every member of a .tar.gz; the content of a folder is None.

    A content is a forward-only stream, valid until the next member. `instead` is the remedy for a
    file that is too large.

    Raises:
        ArchiveRefusedError: a member is unsafe (absolute, outside, link, device, duplicate), or the
            archive is damaged, has too many members or too long headers, or exceeds `max_bytes`,
            packed or unpacked. Reading a content can also raise it.
        OSError: the file cannot be read.
    """
    require_size(path, max_bytes=max_bytes, instead=instead)
    try:
        with path.open("rb") as file:
            stream = _Unpacked(file, max_bytes, instead)
            with tarfile.open(fileobj=stream, mode="r|", bufsize=_READ_BYTES) as archive:
                yield from _checked(archive, stream)
    except (ArchiveRefusedError, OSError):
        raise
    except Exception as error:
        # tarfile raises nearly anything for a damaged header (IndexError, RecursionError, ...).
        raise _damaged(f"{type(error).__name__}: {str(error)[:_MAX_SHOWN]}") from error


def require_size(
    path: Path, *, max_bytes: int = MAX_UNPACKED_BYTES, instead: str = _REMEDY
) -> None:
    """Raise ArchiveRefusedError, or OSError, for anything but a file of at most `max_bytes`."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ArchiveRefusedError("is not a file; name a .tar.gz")
    if status.st_size > max_bytes:
        raise ArchiveRefusedError(
            f"has {status.st_size:,} bytes, more than {max_bytes:,}; {instead}"
        )


class _Unpacked(io.RawIOBase):
    """Unpacks a gzip file from start to end, within the limits of bytes and headers."""

    def __init__(self, file: IO[bytes], limit: int, instead: str) -> None:
        super().__init__()
        self.limit, self.instead = limit, instead
        self._file = gzip.GzipFile(fileobj=file)
        self._position = 0
        # tarfile reads ahead by up to one buffer.
        self._expected = MAX_HEADER_BYTES + 2 * _READ_BYTES

    def expect(self, content_bytes: int) -> None:
        """Allow one more member with this many bytes."""
        self._expected += content_bytes + _PLAIN_HEADER_BYTES

    def read(self, size: int = -1, /) -> bytes:
        try:
            data = self._file.read(size)
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise _damaged(str(error)) from error
        if not data:
            raise _damaged("it ends too early")
        self._position += len(data)
        if self._position > self.limit:
            raise ArchiveRefusedError(
                f"it unpacks to more than {self.limit:,} bytes; {self.instead}"
            )
        if self._position > self._expected:
            raise ArchiveRefusedError(
                f"its members have more than {MAX_HEADER_BYTES:,} bytes of headers; "
                "pack it without long names, pax records and sparse files"
            )
        return data


def _checked(archive: tarfile.TarFile, stream: _Unpacked) -> Iterator[tuple[str, IO[bytes] | None]]:
    seen: set[str] = set()
    while member := archive.next():
        # Otherwise tarfile keeps every member, each with a copy of the archive's pax records.
        archive.members.clear()  # type: ignore[attr-defined]
        if len(seen) == MAX_MEMBERS:
            raise ArchiveRefusedError(f"it has more than {MAX_MEMBERS:,} members; {stream.instead}")
        name = posixpath.normpath(member.name)
        _refuse_unsafe(member, name)
        # Before anything is read or skipped: tarfile takes years to skip 2^63 bytes.
        if member.size < 0:
            raise ArchiveRefusedError(
                f"member {member.name[:_MAX_SHOWN]!r} claims {member.size:,} bytes; "
                "use an intact archive"
            )
        if member.size > stream.limit:
            raise ArchiveRefusedError(
                f"it unpacks to more than {stream.limit:,} bytes: member "
                f"{member.name[:_MAX_SHOWN]!r} claims {member.size:,}; {stream.instead}"
            )
        if name in seen:
            raise ArchiveRefusedError(f"duplicate member {member.name[:_MAX_SHOWN]!r}")
        seen.add(name)
        stream.expect(member.size)
        yield name, archive.extractfile(member)


def _damaged(reason: str) -> ArchiveRefusedError:
    return ArchiveRefusedError(f"not a readable .tar.gz: {reason}; use an intact archive")


def _refuse_unsafe(member: tarfile.TarInfo, name: str) -> None:
    if name.startswith("/") or ".." in member.name.split("/") or set(member.name) & set("\\:\0"):
        raise ArchiveRefusedError(f"member {member.name[:_MAX_SHOWN]!r} points outside the archive")
    if not (member.isfile() or member.isdir()) or member.issparse():
        raise ArchiveRefusedError(
            f"member {member.name[:_MAX_SHOWN]!r} has tar type {member.type!r}; "
            "allowed: plain files and folders"
        )
