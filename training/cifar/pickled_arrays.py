"""Stand in for the arrays, long strings and functions of a pickle; none is numpy's own."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

import numpy as np
from numpy.typing import NDArray

from training.errors import ArchiveRefusedError


@dataclass(frozen=True, slots=True)
class LongBytes:
    """A byte string in a temporary file."""

    file: IO[bytes]
    start: int
    length: int
    is_text: bool = False
    """True if the pickle has text; the bytes are its characters in Latin-1."""

    def __len__(self) -> int:
        """Return the number of bytes."""
        return self.length

    def mapped(self) -> NDArray[np.uint8]:
        """Return the bytes without reading them into memory."""
        return np.memmap(self.file, np.uint8, "r", self.start, (self.length,))


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

    def array(self) -> NDArray[np.uint8]:
        """Return the array, a large one from its file; raise ValueError or TypeError."""
        if not isinstance(self.data, (bytes, LongBytes)):
            raise TypeError(f"holds a {type(self.data).__name__}, expected bytes")
        shape = tuple(size for size in as_tuple(self.shape) if isinstance(size, int))
        if shape != self.shape or min(shape, default=0) < 0:
            raise TypeError("has a shape that is not a tuple of sizes")
        if math.prod(shape) != len(self.data):
            raise ValueError(f"has {len(self.data):,} bytes, but its shape is {shape}")
        data = self.data
        flat = data.mapped() if isinstance(data, LongBytes) else np.frombuffer(data, np.uint8)
        return flat.reshape(shape, order="F" if self.order == "F" else "C")


@dataclass(slots=True)
class PickledDtype:
    """Stands in for numpy.dtype."""

    code: object

    def set_state(self, _: object) -> None:
        """Ignore byte order and alignment: a byte has neither."""


def as_tuple(value: object) -> tuple[object, ...]:
    """Return a value that must be a tuple; raise TypeError if it is not."""
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
    """Return an array from its form in pickle protocol 5."""
    _require_uint8(dtype)
    return PickledArray(shape, order, data)


def _encode(text: object, encoding: object) -> bytes | LongBytes:
    """Return bytes from their form in protocol 2 of Python 3: `_codecs.encode(text, "latin1")`."""
    if encoding in ("latin1", "latin-1"):
        if isinstance(text, str):
            return text.encode("latin1")
        if isinstance(text, LongBytes) and text.is_text:
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
