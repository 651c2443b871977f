"""Reads a pickle that nobody vouches for, in bounded time and memory; nothing in it runs.

Python's own unpickler is not used: a few bytes make it take gigabytes (memo indexes, sets), hash
for ever (nested tuples as keys) or set attributes of the functions that it may call.

Long strings stay where they are, so that the pixels of an archive are never all in memory: an
array is read by rows, when the pickle is read for a second time.
"""

import codecs
import io
import math
import pickle
import pickletools
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np
from numpy.typing import NDArray

from training.errors import ArchiveRefusedError

# The published archive has about 200,000; written again by Python 3 in protocol 2, 500,000. One
# makes up to 90 bytes of objects.
MAX_OPCODES = 600_000
# Of all short strings together; the published archive has less than 2 MiB.
MAX_SHORT_BYTES = 8 * 1024**2
LONG_BYTES = 1024
"""Longer strings stay in the pickle."""
MAX_KEY_LENGTH = 255
_MAX_GLOBAL_BYTES = 256
_READ_BYTES = 64 * 1024
# UTF-8 of anything beyond Latin-1 has a byte above this one, and takes up to four bytes a
# character once decoded.
_MAX_LATIN1_BYTE = 0xC3
_ALLOWED_VALUES = "plain containers, bytes, Latin-1 text, numbers and uint8 arrays"


def unpickle(source: IO[bytes]) -> object:
    """Return the object of a pickle of plain containers, bytes, text, numbers and uint8 arrays.

    Python 2 strings arrive as bytes. Arrays arrive as `PickledArray`: the pickle calls nothing of
    numpy or of anything else.

    Raises:
        ArchiveRefusedError: the pickle names any other global or opcode, has more opcodes than
            `MAX_OPCODES` or more short strings than `MAX_SHORT_BYTES`, or is damaged.
        OSError: `source` cannot be read.
    """
    try:
        return _Reader(source).load()
    except (ArchiveRefusedError, OSError):
        raise
    # What a damaged pickle does to the stack may end in nearly any error.
    except Exception as error:
        raise ArchiveRefusedError(
            f"damaged pickle: {type(error).__name__}: {str(error)[:200]}; use an intact archive"
        ) from error


@dataclass(frozen=True, slots=True)
class LongBytes:
    """A byte string that stays in the pickle."""

    start: int
    stored: int
    """Bytes in the pickle."""
    length: int
    latin1: bool
    """Whether the pickle has it as text, see `_latin1`."""

    def __len__(self) -> int:
        """Return the number of bytes."""
        return self.length

    def open(self, source: IO[bytes]) -> "IO[bytes] | _Latin1Reader":
        """Return a stream that begins with these bytes; `source` is the pickle, at its start."""
        _skip(source, self.start)
        return _Latin1Reader(source, self.stored) if self.latin1 else source


@dataclass(frozen=True, slots=True)
class LongText:
    """A text of Latin-1 that stays in the pickle."""

    encoded: LongBytes


class _Latin1Reader:
    """Reads a text in UTF-8 as Latin-1."""

    def __init__(self, source: IO[bytes], stored: int) -> None:
        self._parts = _parts(source, stored)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._ready = bytearray()

    def read(self, size: int) -> bytes:
        while len(self._ready) < size and (part := next(self._parts, b"")):
            self._ready += self._decoder.decode(part).encode("latin1")
        taken = bytes(self._ready[:size])
        del self._ready[:size]
        return taken


def _parts(source: "IO[bytes] | _Latin1Reader", size: int) -> Iterator[bytes]:
    while size:
        part = source.read(min(size, _READ_BYTES))
        if not part:
            raise EOFError(f"it ends {size:,} bytes before the end of a string")
        size -= len(part)
        yield part


def _skip(source: "IO[bytes] | _Latin1Reader", size: int) -> None:
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
        _, self.shape, dtype, column_major, self.data = _as_tuple(state)
        _require_uint8(dtype)
        self.order = "F" if column_major is True else "C"

    def checked_shape(self) -> tuple[int, ...]:
        """Return the shape.

        Raises:
            ValueError, TypeError: the shape does not fit the data.
        """
        length = len(self._stored())
        shape = tuple(size for size in _as_tuple(self.shape) if isinstance(size, int))
        if shape != self.shape or min(shape, default=0) < 0:
            raise TypeError("its shape is not a tuple of sizes")
        if math.prod(shape) != length:
            raise ValueError(f"its data has {length:,} bytes, its shape is {shape}")
        return shape

    def _stored(self) -> bytes | LongBytes:
        if not isinstance(self.data, (bytes, LongBytes)):
            raise TypeError(f"its data is a {type(self.data).__name__}, expected bytes")
        return self.data

    def rows(self, source: IO[bytes], wanted: NDArray[np.intp]) -> NDArray[np.uint8]:
        """Return the rows of these numbers, ascending, of an array of two dimensions.

        Args:
            source: the pickle that the array was read from, at its start.
            wanted: numbers of rows.

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
            _skip(data, gap * width)
            found[place] = _exactly(data, width)
        return found


def _exactly(source: "IO[bytes] | _Latin1Reader", size: int) -> NDArray[np.uint8]:
    data = source.read(size)
    if len(data) != size:
        raise EOFError("it ends before the end of its array")
    return np.frombuffer(data, np.uint8)


@dataclass(slots=True)
class _PickledDtype:
    """Stands in for numpy.dtype."""

    code: object

    def set_state(self, _: object) -> None:
        """Ignore byte order and alignment: a byte has neither."""


@dataclass(frozen=True, slots=True)
class _Global:
    """Stands in for a function or class that a pickle may name."""

    name: str
    call: Callable[..., object]


def _as_tuple(value: object) -> tuple[object, ...]:
    if not isinstance(value, tuple):
        raise TypeError(f"a {type(value).__name__} where a tuple belongs")
    return value


def _require_uint8(dtype: object) -> None:
    code = dtype.code if isinstance(dtype, _PickledDtype) else dtype
    if not isinstance(dtype, _PickledDtype) or code not in ("u1", b"u1"):
        # Only text is shown: the representation of nested containers can be endless.
        shown = repr(code[:20]) if isinstance(code, (str, bytes)) else f"a {type(code).__name__}"
        raise ArchiveRefusedError(f"a pickled array has dtype {shown}; allowed: 'u1' (uint8)")


def _dtype(code: object, _align: object = False, _copy: object = False) -> _PickledDtype:
    return _PickledDtype(code)


def _reconstruct(*_: object) -> PickledArray:
    """Return numpy's two-step form: an empty array, which then takes its state."""
    return PickledArray()


def _frombuffer(data: object, dtype: object, shape: object, order: object) -> PickledArray:
    """Return numpy's form in pickle protocol 5."""
    _require_uint8(dtype)
    return PickledArray(shape, order, data)


def _latin1(text: object, encoding: object) -> bytes | LongBytes:
    """Return bytes as Python 3 writes them in protocol 2: `_codecs.encode(text, "latin1")`."""
    if not isinstance(text, (str, LongText)) or encoding not in ("latin1", "latin-1"):
        raise TypeError("_codecs.encode takes a text and 'latin1'")
    return text.encoded if isinstance(text, LongText) else text.encode("latin1")


def _no_bytes() -> bytes:
    """Return empty bytes as Python 3 writes them in pickle protocol 2: `bytes()`."""
    return b""


_FUNCTIONS: dict[tuple[str, str], Callable[..., object]] = {
    ("numpy", "ndarray"): _reconstruct,
    ("numpy", "dtype"): _dtype,
    ("_codecs", "encode"): _latin1,
    ("__builtin__", "bytes"): _no_bytes,
    # numpy 1 and 2 name the same module differently.
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.numeric", "_frombuffer"): _frombuffer,
    ("numpy._core.numeric", "_frombuffer"): _frombuffer,
}
_ALLOWED = {names: _Global(".".join(names), call) for names, call in _FUNCTIONS.items()}


class _Reader:
    """A pickle machine with the few opcodes that an archive of CIFAR-100 needs."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._position = 0
        self._stack: list[object] = []
        self._marks: list[int] = []
        self._memo: dict[int, object] = {}
        self._short_bytes = 0

    def load(self) -> object:
        for _ in range(MAX_OPCODES):
            code = self._take(1)
            if code == pickle.STOP:
                return self._stack.pop()
            if code not in _OPERATIONS:
                raise ArchiveRefusedError(
                    f"a pickle in it has the opcode {_NAMES.get(code, repr(code))}; "
                    f"allowed: {_ALLOWED_VALUES}"
                )
            _OPERATIONS[code](self)
        raise ArchiveRefusedError(
            f"a pickle in it has more than {MAX_OPCODES:,} opcodes; CIFAR-100 has fewer"
        )

    def _take(self, size: int) -> bytes:
        taken = self._source.read(size)
        self._position += size
        if len(taken) < size:
            raise EOFError(f"it ends before byte {self._position:,}")
        return taken

    def _number(self, form: str) -> int:
        (number,) = struct.unpack(form, self._take(struct.calcsize(form)))
        return int(number)

    def _line(self) -> str:
        line = self._source.readline(_MAX_GLOBAL_BYTES)
        self._position += len(line)
        if not line.endswith(b"\n"):
            raise ValueError("a name has no end")
        return line[:-1].decode("ascii")

    def _hold(self, size: int) -> None:
        # One remembered text can be encoded again and again.
        self._short_bytes += size
        if self._short_bytes > MAX_SHORT_BYTES:
            raise ArchiveRefusedError(
                f"a pickle in it has more than {MAX_SHORT_BYTES:,} bytes of names; "
                "CIFAR-100 has fewer"
            )

    def _since_mark(self) -> list[object]:
        start = self._marks.pop()
        values = self._stack[start:]
        del self._stack[start:]
        return values

    def skip(self, size: int) -> None:
        _skip(self._source, size)
        self._position += size

    def push(self, value: object) -> None:
        self._stack.append(value)

    def push_number(self, form: str) -> None:
        self._stack.append(self._number(form))

    def push_float(self) -> None:
        self._stack.extend(struct.unpack(">d", self._take(8)))

    def push_bytes(self, form: str) -> None:
        size = self._number(form)
        if size > LONG_BYTES:
            self._stack.append(LongBytes(self._position, size, size, latin1=False))
            self.skip(size)
        else:
            self._hold(size)
            self._stack.append(self._take(size))

    def push_text(self, form: str) -> None:
        size = self._number(form)
        if size > LONG_BYTES:
            start = self._position
            text = _Latin1Reader(self._source, size)
            length = 0
            while part := text.read(_READ_BYTES):
                length += len(part)
            self._position += size
            self._stack.append(LongText(LongBytes(start, size, length, latin1=True)))
        else:
            self._hold(size)
            encoded = self._take(size)
            if max(encoded, default=0) > _MAX_LATIN1_BYTE:
                raise ArchiveRefusedError(
                    f"a pickle in it has text beyond Latin-1; allowed: {_ALLOWED_VALUES}"
                )
            self._stack.append(encoded.decode("utf-8"))

    def mark(self) -> None:
        self._marks.append(len(self._stack))

    def remember(self, index: int) -> None:
        self._memo[index] = self._stack[-1]

    def recall(self, form: str) -> None:
        self._stack.append(self._memo[self._number(form)])

    def tuple_since_mark(self) -> None:
        self._stack.append(tuple(self._since_mark()))

    def tuple_of(self, size: int) -> None:
        values = tuple(self._stack[-size:])
        if len(values) < size:
            raise IndexError(f"a tuple of {size} from {len(values)} values")
        self._stack[-size:] = [values]

    def append(self, values: list[object]) -> None:
        target = self._stack[-1]
        if not isinstance(target, list):
            raise TypeError(f"appends to a {type(target).__name__}")
        target.extend(values)

    def set_items(self, values: list[object]) -> None:
        target = self._stack[-1]
        if not isinstance(target, dict):
            raise TypeError(f"sets an item of a {type(target).__name__}")
        for key, value in zip(values[::2], values[1::2], strict=True):
            # Other keys can be made to collide or to nest, and then take hours to hash.
            if not isinstance(key, (str, bytes)) or len(key) > MAX_KEY_LENGTH:
                raise ArchiveRefusedError(
                    f"a pickle in it has a {type(key).__name__} as key of a dict; "
                    f"allowed: text and bytes of at most {MAX_KEY_LENGTH} characters"
                )
            target[key] = value

    def find(self, module: object, name: object) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise TypeError("names a global with something other than text")
        shown = f"{module[:_MAX_GLOBAL_BYTES]}.{name[:_MAX_GLOBAL_BYTES]}"
        if (module, name) not in _ALLOWED:
            raise ArchiveRefusedError(
                f"a pickle in it asks for {shown}; refused, since it could run code; "
                f"allowed: {_ALLOWED_VALUES}"
            )
        self._stack.append(_ALLOWED[module, name])

    def find_lines(self) -> None:
        self.find(self._line(), self._line())

    def find_stacked(self) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        self.find(module, name)

    def call(self) -> None:
        arguments, function = _as_tuple(self._stack.pop()), self._stack.pop()
        if not isinstance(function, _Global):
            raise ArchiveRefusedError(
                f"a pickle in it calls a {type(function).__name__}; allowed: {_ALLOWED_VALUES}"
            )
        made = function.call(*arguments)
        if isinstance(made, bytes):
            self._hold(len(made))
        self._stack.append(made)

    def build(self) -> None:
        state, target = self._stack.pop(), self._stack[-1]
        if not isinstance(target, (PickledArray, _PickledDtype)):
            name = target.name if isinstance(target, _Global) else f"a {type(target).__name__}"
            raise ArchiveRefusedError(
                f"a pickle in it sets the state (BUILD) of {name}; allowed: of uint8 arrays"
            )
        target.set_state(state)

    def pop_one(self) -> list[object]:
        return [self._stack.pop()]

    def pop_pair(self) -> list[object]:
        value, key = self._stack.pop(), self._stack.pop()
        return [key, value]


_NAMES = {opcode.code.encode("latin1"): opcode.name for opcode in pickletools.opcodes}


_OPERATIONS: dict[bytes, Callable[[_Reader], None]] = {
    pickle.PROTO: lambda reader: reader.skip(1),
    pickle.FRAME: lambda reader: reader.skip(8),
    pickle.MARK: _Reader.mark,
    pickle.NONE: lambda reader: reader.push(None),
    pickle.NEWTRUE: lambda reader: reader.push(True),
    pickle.NEWFALSE: lambda reader: reader.push(False),
    pickle.BININT: lambda reader: reader.push_number("<i"),
    pickle.BININT1: lambda reader: reader.push_number("<B"),
    pickle.BININT2: lambda reader: reader.push_number("<H"),
    pickle.BINFLOAT: _Reader.push_float,
    pickle.BINSTRING: lambda reader: reader.push_bytes("<I"),
    pickle.SHORT_BINSTRING: lambda reader: reader.push_bytes("<B"),
    pickle.BINBYTES: lambda reader: reader.push_bytes("<I"),
    pickle.SHORT_BINBYTES: lambda reader: reader.push_bytes("<B"),
    pickle.BINBYTES8: lambda reader: reader.push_bytes("<Q"),
    pickle.BYTEARRAY8: lambda reader: reader.push_bytes("<Q"),
    pickle.BINUNICODE: lambda reader: reader.push_text("<I"),
    pickle.SHORT_BINUNICODE: lambda reader: reader.push_text("<B"),
    pickle.BINUNICODE8: lambda reader: reader.push_text("<Q"),
    pickle.EMPTY_LIST: lambda reader: reader.push([]),
    pickle.EMPTY_DICT: lambda reader: reader.push({}),
    pickle.EMPTY_TUPLE: lambda reader: reader.push(()),
    pickle.TUPLE: _Reader.tuple_since_mark,
    pickle.TUPLE1: lambda reader: reader.tuple_of(1),
    pickle.TUPLE2: lambda reader: reader.tuple_of(2),
    pickle.TUPLE3: lambda reader: reader.tuple_of(3),
    pickle.APPEND: lambda reader: reader.append(reader.pop_one()),
    pickle.APPENDS: lambda reader: reader.append(reader._since_mark()),
    pickle.SETITEM: lambda reader: reader.set_items(reader.pop_pair()),
    pickle.SETITEMS: lambda reader: reader.set_items(reader._since_mark()),
    pickle.BINPUT: lambda reader: reader.remember(reader._number("<B")),
    pickle.LONG_BINPUT: lambda reader: reader.remember(reader._number("<I")),
    pickle.MEMOIZE: lambda reader: reader.remember(len(reader._memo)),
    pickle.BINGET: lambda reader: reader.recall("<B"),
    pickle.LONG_BINGET: lambda reader: reader.recall("<I"),
    pickle.GLOBAL: _Reader.find_lines,
    pickle.STACK_GLOBAL: _Reader.find_stacked,
    pickle.REDUCE: _Reader.call,
    pickle.BUILD: _Reader.build,
}
