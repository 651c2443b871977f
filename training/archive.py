"""Reads an archive that nobody vouches for: nothing is written to disk, nothing in it runs.

Three guards: the tar's members, the number of bytes that it unpacks to, and the pickles in it.
"""

import gzip
import io
import pickle
import posixpath
import tarfile
import zlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from training.errors import ArchiveRefusedError

# The published archive unpacks to 178 MiB.
MAX_UNPACKED_BYTES = 512 * 1024**2
_READ_BYTES = 1024**2


def read_members(
    path: Path, names: Collection[str], *, max_bytes: int = MAX_UNPACKED_BYTES
) -> dict[str, bytes]:
    """Contents of the members `names` of a .tar.gz, by name.

    Every member of the archive is checked, also those that are not asked for.

    Raises:
        ArchiveRefusedError: a member is unsafe (absolute, outside, link, device, twice), one is
            missing, the archive is damaged or unpacks to more than `max_bytes`.
        OSError: the file cannot be read.
    """
    try:
        with _Bounded(path) as stream:
            stream.limit = max_bytes
            # "r|" reads forward only, so every byte that is unpacked passes the bound.
            with tarfile.open(fileobj=stream, mode="r|", bufsize=_READ_BYTES) as archive:
                members = _read_checked(archive, names)
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ArchiveRefusedError(f"not a readable .tar.gz: {error}") from error
    missing = [name for name in names if name not in members]
    if missing:
        raise ArchiveRefusedError(
            f"no member {', '.join(missing)}; expected the layout of CIFAR-100's Python version"
        )
    return members


class _Bounded(gzip.GzipFile):
    """Unpacks, but not more than `limit` bytes."""

    limit = MAX_UNPACKED_BYTES

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        if self.tell() > self.limit:
            raise ArchiveRefusedError(f"it unpacks to more than {self.limit:,} bytes")
        return data


def _read_checked(archive: tarfile.TarFile, names: Collection[str]) -> dict[str, bytes]:
    seen: set[str] = set()
    members: dict[str, bytes] = {}
    for member in archive:
        name = posixpath.normpath(member.name)
        _refuse_unsafe(member, name)
        if name in seen:
            raise ArchiveRefusedError(f"duplicate member {member.name!r}")
        seen.add(name)
        if name in names:
            content = archive.extractfile(member)
            members[name] = content.read() if content else b""
    return members


def _refuse_unsafe(member: tarfile.TarInfo, name: str) -> None:
    if name.startswith("/") or ".." in member.name.split("/") or set(member.name) & set("\\:\0"):
        raise ArchiveRefusedError(f"member {member.name!r} points outside the archive")
    if not (member.isfile() or member.isdir()) or member.issparse():
        raise ArchiveRefusedError(
            f"member {member.name!r} has tar type {member.type!r}; allowed: plain files and folders"
        )


def unpickle(data: bytes) -> object:
    """The object of a pickle of plain containers, bytes, str, numbers and uint8 arrays.

    Python 2 strings arrive as bytes. Arrays are rebuilt here, from their bytes: the pickle
    calls nothing of numpy or of anything else.

    Raises:
        ArchiveRefusedError: the pickle names any other global, or is damaged.
    """
    try:
        return _Unpickler(io.BytesIO(data), encoding="bytes").load()
    except ArchiveRefusedError:
        raise
    # A damaged pickle may raise nearly anything (documentation of pickle.UnpicklingError).
    except Exception as error:
        raise ArchiveRefusedError(f"damaged pickle: {type(error).__name__}: {error}") from error


@dataclass
class PickledArray:
    """Stands in for numpy.ndarray while a pickle is read; `array()` is the array."""

    shape: tuple[int, ...] = (0,)
    order: Literal["C", "F"] = "C"
    data: bytes = b""

    def __setstate__(self, state: tuple[int, tuple[int, ...], object, bool, bytes]) -> None:
        """Take numpy's state: (version, shape, dtype, column-major, bytes)."""
        _, self.shape, dtype, column_major, self.data = state
        _require_uint8(dtype)
        self.order = "F" if column_major else "C"

    def array(self) -> NDArray[np.uint8]:
        """The array, row-major.

        Raises:
            ValueError, TypeError: the shape does not fit the data.
        """
        flat = np.frombuffer(self.data, dtype=np.uint8)
        return np.ascontiguousarray(flat.reshape(self.shape, order=self.order))


@dataclass
class _PickledDtype:
    """Stands in for numpy.dtype, whose arguments are (code, align, copy)."""

    code: str | bytes
    align: object = False
    copy: object = False

    def __setstate__(self, _: object) -> None:
        """Ignore byte order and alignment: a byte has neither."""


def _require_uint8(dtype: object) -> None:
    if not isinstance(dtype, _PickledDtype) or dtype.code not in ("u1", b"u1"):
        raise ArchiveRefusedError(f"a pickled array has {dtype}; allowed: 'u1' (uint8)")


def _reconstruct(*_: object) -> PickledArray:
    """numpy's two-step form: an empty array, which then takes its state."""
    return PickledArray()


def _frombuffer(
    data: bytes, dtype: object, shape: tuple[int, ...], order: Literal["C", "F"]
) -> PickledArray:
    """numpy's form in pickle protocol 5."""
    _require_uint8(dtype)
    return PickledArray(shape, order, data)


def _latin1(text: str, _encoding: str) -> bytes:
    """How Python 3 writes bytes in pickle protocol 2: `_codecs.encode(text, "latin1")`."""
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """How Python 3 writes empty bytes in pickle protocol 2: `bytes()`."""
    return b""


_ALLOWED: dict[tuple[str, str], Callable[..., object]] = {
    ("numpy", "ndarray"): PickledArray,
    ("numpy", "dtype"): _PickledDtype,
    ("_codecs", "encode"): _latin1,
    ("__builtin__", "bytes"): _no_bytes,
    # numpy 1 and 2 name the same module differently.
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.numeric", "_frombuffer"): _frombuffer,
    ("numpy._core.numeric", "_frombuffer"): _frombuffer,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> Callable[..., object]:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise ArchiveRefusedError(
                f"a pickle in it asks for {module}.{name}; refused, since it could run code; "
                "allowed: plain containers, bytes, text, numbers and uint8 arrays"
            ) from None
