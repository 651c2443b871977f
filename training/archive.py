"""Reads an archive that nobody vouches for: nothing is written to disk.

Time and memory are bounded by the bytes that it unpacks to, by the number of its members and by
the size of their headers. `training.pickles` reads what is in it.
"""

import gzip
import io
import posixpath
import shutil
import tarfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO

from training.errors import ArchiveRefusedError

# The published archive unpacks to 178 MiB; written again by Python 3 in protocol 2, to 250 MiB.
MAX_UNPACKED_BYTES = 320 * 1024**2
# The published archive has five.
MAX_MEMBERS = 1000
# Of one member: long names, pax records and sparse maps included.
MAX_HEADER_BYTES = 256 * 1024
_READ_BYTES = 64 * 1024
_MAX_SHOWN = 200


def read_members(
    path: Path, names: Collection[str], *, max_bytes: int = MAX_UNPACKED_BYTES
) -> dict[str, bytes]:
    """Contents of the members `names` of a .tar.gz, by name.

    Every member of the archive is checked, also those that are not asked for.

    Raises:
        ArchiveRefusedError: as `checked_members`, or one is missing.
        OSError: the file cannot be read.
    """
    members: dict[str, bytes] = {}
    found = checked_members(path, max_bytes=max_bytes, instead="use CIFAR-100's Python version")
    for name, source in found:
        if name in names:
            content = io.BytesIO()
            if source:
                # In parts: reading a member at once takes three times its size.
                shutil.copyfileobj(source, content, _READ_BYTES)
            members[name] = content.getvalue()
    missing = [name for name in names if name not in members]
    if missing:
        raise ArchiveRefusedError(
            f"no member {', '.join(missing)}; expected the layout of CIFAR-100's Python version"
        )
    return members


def checked_members(
    path: Path, *, max_bytes: int, instead: str
) -> Iterator[tuple[str, IO[bytes] | None]]:
    """Yield the name and the content of every member of a .tar.gz, None for a folder.

    A content can be read until the next member is asked for. `instead` is the remedy in the
    refusal of what is too large.

    Raises:
        ArchiveRefusedError: a member is unsafe (absolute, outside, link, device, twice), the
            archive is damaged, has too many members or too long headers, or unpacks to more than
            `max_bytes`.
        OSError: the file cannot be read.
    """
    try:
        with _Bounded(path) as stream:
            stream.limit, stream.instead = max_bytes, instead
            stream.expect(0)
            # "r|" reads forward only, so every byte that is unpacked passes the bound.
            with tarfile.open(fileobj=stream, mode="r|", bufsize=_READ_BYTES) as archive:
                yield from _checked(archive, stream)
    except ArchiveRefusedError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and not isinstance(error, gzip.BadGzipFile):
            raise
        # tarfile raises nearly anything for a damaged header (IndexError, RecursionError, ...).
        raise ArchiveRefusedError(
            f"not a readable .tar.gz: {type(error).__name__}: {_shown(str(error))}; "
            "use an intact archive"
        ) from error


class _Bounded(gzip.GzipFile):
    """Unpacks, but not more than `limit` bytes, and not more than the headers may have."""

    limit = 0
    instead = ""
    _header_limit = 0

    def expect(self, content_bytes: int) -> None:
        """Let the next headers begin after `content_bytes` more bytes."""
        # tarfile reads ahead by up to one buffer, and fills members up to whole blocks.
        self._header_limit = self.tell() + content_bytes + MAX_HEADER_BYTES + 2 * _READ_BYTES

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        if self.tell() > self.limit:
            raise ArchiveRefusedError(
                f"it unpacks to more than {self.limit:,} bytes; {self.instead}"
            )
        if self.tell() > self._header_limit:
            raise ArchiveRefusedError(
                f"a member has more than {MAX_HEADER_BYTES:,} bytes of headers; "
                "pack it without long names, pax records and sparse files"
            )
        return data


def _checked(archive: tarfile.TarFile, stream: _Bounded) -> Iterator[tuple[str, IO[bytes] | None]]:
    seen: set[str] = set()
    for number, member in enumerate(archive, 1):
        if number > MAX_MEMBERS:
            raise ArchiveRefusedError(f"it has more than {MAX_MEMBERS:,} members; {stream.instead}")
        name = posixpath.normpath(member.name)
        _refuse_unsafe(member, name)
        # Before anything is read or skipped: tarfile takes years to skip 2^63 bytes.
        if member.size < 0:
            raise ArchiveRefusedError(
                f"member {_shown(member.name)!r} claims {member.size:,} bytes; "
                "use an intact archive"
            )
        if member.size > stream.limit:
            raise ArchiveRefusedError(
                f"it unpacks to more than {stream.limit:,} bytes: member "
                f"{_shown(member.name)!r} claims {member.size:,}; {stream.instead}"
            )
        if name in seen:
            raise ArchiveRefusedError(f"duplicate member {_shown(member.name)!r}")
        seen.add(name)
        stream.expect(member.size)
        yield name, archive.extractfile(member)


def _shown(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def _refuse_unsafe(member: tarfile.TarInfo, name: str) -> None:
    if name.startswith("/") or ".." in member.name.split("/") or set(member.name) & set("\\:\0"):
        raise ArchiveRefusedError(f"member {_shown(member.name)!r} points outside the archive")
    if not (member.isfile() or member.isdir()) or member.issparse():
        raise ArchiveRefusedError(
            f"member {_shown(member.name)!r} has tar type {member.type!r}; "
            "allowed: plain files and folders"
        )
