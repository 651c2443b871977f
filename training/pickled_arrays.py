"""Arrays and long strings of a pickle: they stay in it until their rows are read.

The functions that a pickle may call are here as well; none of them is numpy's own.
"""

import codecs
import io
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np
from numpy.typing import NDArray

from training.errors import ArchiveRefusedError

READ_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class LongBytes:
    """A byte string that stays in the pickle."""

    start: int
    stored: int
    """Bytes in the pickle."""
    length: int
    latin1: bool = False
    """Stored as text in UTF-8, whose characters are the bytes."""

    def __len__(self) -> int:
        """Return the number of bytes."""
        return self.length

    def open(self, source: IO[bytes]) -> "Stream":
        """Return a stream that begins with these bytes; `source` is the pickle, at its start."""
        skip(source, self.start)
        return Latin1Reader(source, self.stored) if self.latin1 else source


class Latin1Reader:
    """Reads text in UTF-8 as Latin-1."""

    def __init__(self, source: "Stream", stored: int) -> None:
        """Read the next `stored` bytes of `source`."""
        self._parts = _parts(source, stored)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._ready = bytearray()

    def read(self, size: int) -> bytes:
        """Return so many bytes, fewer at the end."""
        while len(self._ready) < size and (part := next(self._parts, b"")):
            self._ready += self._decoder.decode(part).encode("latin1")
        taken = bytes(self._ready[:size])
        del self._ready[:size]
        return taken


Stream = IO[bytes] | Latin1Reader


def _parts(source: Stream, size: int) -> Iterator[bytes]:
    while size:
        part = source.read(min(size, READ_BYTES))
        if not part:
            raise EOFError(f"it ends {size:,} bytes before the end of a string")
        size -= len(part)
        yield part


def skip(source: Stream, size: int) -> None:
    """Read so many bytes and drop them."""
    for _ in _parts(source, size):
        pass


@dataclass(slots=True)
class PickledArray:
    """Stands in for numpy.ndarray."""

    shape: object = (0,)
    order: object = "C"
    data: object = b""

    def set_state(self, state: object) -> None:
        """Take numpy's state: (version, shape, dtype, column-major, bytes)."""
        _, self.shape, dtype, column_major, self.data = as_tuple(state)
        _require_uint8(dtype)
        self.order = "F" if column_major is True else "C"

    def checked_shape(self) -> tuple[int, ...]:
        """Return the shape.

        Raises:
            ValueError, TypeError: the shape does not fit the data.
        """
        length = len(self._stored())
        shape = tuple(size for size in as_tuple(self.shape) if isinstance(size, int))
        if shape != self.shape or min(shape, default=0) < 0:
            raise TypeError("has a shape that is not a tuple of sizes")
        if math.prod(shape) != length:
            raise ValueError(f"has {length:,} bytes, but its shape is {shape}")
        return shape

    def _stored(self) -> bytes | LongBytes:
        if not isinstance(self.data, (bytes, LongBytes)):
            raise TypeError(f"holds a {type(self.data).__name__}, expected bytes")
        return self.data

    def rows(self, source: IO[bytes], wanted: NDArray[np.intp]) -> NDArray[np.uint8]:
        """Return rows of an array of two dimensions.

        Args:
            source: the pickle that the array was read from, at its start.
            wanted: ascending numbers of rows.

        Raises:
            EOFError: `source` is not that pickle.
            ValueError, TypeError: as `checked_shape`.
        """
        count, width = self.checked_shape()
        stored = self._stored()
        data = stored.open(source) if isinstance(stored, LongBytes) else io.BytesIO(stored)
        found = np.empty((wanted.size, width), np.uint8)
        if self.order == "F":
            for column in range(width):
                found[:, column] = _exactly(data, count)[wanted]
            return found
        gaps = np.diff(wanted, prepend=-1) - 1
        for place, gap in enumerate(gaps.tolist()):
            skip(data, gap * width)
            found[place] = _exactly(data, width)
        return found


def _exactly(source: Stream, size: int) -> NDArray[np.uint8]:
    data = source.read(size)
    if len(data) != size:
        raise EOFError("it ends before the end of its array")
    return np.frombuffer(data, np.uint8)


@dataclass(slots=True)
class PickledDtype:
    """Stands in for numpy.dtype."""

    code: object

    def set_state(self, _: object) -> None:
        """Ignore byte order and alignment: a byte has neither."""


def as_tuple(value: object) -> tuple[object, ...]:
    """Return a value that has to be a tuple."""
    if not isinstance(value, tuple):
        raise TypeError(f"has a {type(value).__name__} where a tuple belongs")
    return value


def _require_uint8(dtype: object) -> None:
    code = dtype.code if isinstance(dtype, PickledDtype) else dtype
    if not isinstance(dtype, PickledDtype) or code not in ("u1", b"u1"):
        # Only text is shown: the representation of nested containers can be endless.
        shown = repr(code[:20]) if isinstance(code, (str, bytes)) else f"a {type(code).__name__}"
        raise ArchiveRefusedError(f"a pickled array has dtype {shown}; allowed: 'u1' (uint8)")


def _dtype(code: object, _align: object = False, _copy: object = False) -> PickledDtype:
    return PickledDtype(code)


def _reconstruct(*_: object) -> PickledArray:
    """Return an empty array, which takes its state in a second step."""
    return PickledArray()


def _frombuffer(data: object, dtype: object, shape: object, order: object) -> PickledArray:
    """Return an array as pickle protocol 5 has it."""
    _require_uint8(dtype)
    return PickledArray(shape, order, data)


def _encode(text: object, encoding: object) -> bytes | LongBytes:
    """Return bytes as Python 3 writes them in protocol 2: `_codecs.encode(text, "latin1")`."""
    if encoding in ("latin1", "latin-1"):
        if isinstance(text, str):
            return text.encode("latin1")
        if isinstance(text, LongBytes) and text.latin1:
            return text
    raise TypeError("_codecs.encode takes a text and 'latin1'")


FUNCTIONS: dict[tuple[str, str], Callable[..., object]] = {
    ("numpy", "ndarray"): _reconstruct,
    ("numpy", "dtype"): _dtype,
    ("_codecs", "encode"): _encode,
    # Python 3 writes empty bytes as `bytes()` in protocol 2.
    ("__builtin__", "bytes"): lambda: b"",
    # numpy 1 and 2 name the same module differently.
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.numeric", "_frombuffer"): _frombuffer,
    ("numpy._core.numeric", "_frombuffer"): _frombuffer,
}
"""The functions that a pickle may call, by module and name."""
