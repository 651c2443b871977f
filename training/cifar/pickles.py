"""Read an untrusted pickle in bounded time and memory; nothing in it runs.

Python's own unpickler is not used: a few bytes can make it take gigabytes (memo indexes, sets),
hash forever (nested tuples as keys) or set attributes of the functions that it may call.

Long strings go to a temporary file, so that memory never holds all pixels of an archive.
"""

import codecs
import pickle
import pickletools
import struct
from collections.abc import Callable, Iterator
from typing import IO

from training.cifar.pickled_arrays import FUNCTIONS, LongBytes, PickledArray, PickledDtype, as_tuple
from training.errors import ArchiveRefusedError

# The published archive has about 200,000, or 500,000 when Python 3 rewrites it in protocol 2. Each
# creates objects of up to 90 bytes.
MAX_OPCODES = 600_000
# All short strings together; the published archive has less than 2 MiB.
MAX_SHORT_BYTES = 8 * 1024**2
LONG_BYTES = 1024
"""Longer strings go to the temporary file."""
MAX_KEY_LENGTH = 255
_MAX_GLOBAL_BYTES = 256
_READ_BYTES = 64 * 1024
# UTF-8 beyond Latin-1 has a byte above this one, and takes up to four bytes a character once
# decoded.
_MAX_LATIN1_BYTE = 0xC3
_ALLOWED = "allowed: plain containers, bytes, Latin-1 text, numbers and uint8 arrays"


def unpickle(source: IO[bytes], file: IO[bytes]) -> object:
    """Return the object of a pickle of plain containers, bytes, text, numbers and uint8 arrays.

    Python 2 strings arrive as bytes, arrays as `PickledArray`, and long strings as `LongBytes` in
    `file`.

    Raises:
        ArchiveRefusedError: the pickle names any other global or opcode, has more opcodes than
            `MAX_OPCODES` or more short strings than `MAX_SHORT_BYTES`, or is damaged.
        OSError: `source` cannot be read, or `file` not be written.
    """
    try:
        return _Reader(source, file).load()
    except (ArchiveRefusedError, OSError):
        raise
    # A damaged pickle can end in nearly any error.
    except Exception as error:
        raise ArchiveRefusedError(
            f"damaged pickle: {type(error).__name__}: {str(error)[:200]}; use an intact archive"
        ) from error


def _refused(problem: str) -> ArchiveRefusedError:
    return ArchiveRefusedError(f"a pickle in it {problem}")


class _Reader:
    """Runs the few opcodes that an archive of CIFAR-100 needs."""

    def __init__(self, source: IO[bytes], file: IO[bytes]) -> None:
        self.source = source
        self.file = file
        self.stack: list[object] = []
        self.marks: list[int] = []
        self.memo: dict[int, object] = {}
        self.short_bytes = 0

    def load(self) -> object:
        for _ in range(MAX_OPCODES):
            code = self.take(1)
            if code == pickle.STOP:
                return self.stack.pop()
            if code not in _OPERATIONS:
                raise _refused(f"has the opcode {_NAMES.get(code, repr(code))}; {_ALLOWED}")
            _OPERATIONS[code](self)
        raise _refused(f"has more than {MAX_OPCODES:,} opcodes; CIFAR-100 has fewer")

    def take(self, size: int) -> bytes:
        taken = self.source.read(size)
        if len(taken) < size:
            raise EOFError("it ends too early")
        return taken

    def parts(self, size: int) -> Iterator[bytes]:
        for start in range(0, size, _READ_BYTES):
            yield self.take(min(_READ_BYTES, size - start))

    def number(self, form: str) -> int:
        (number,) = struct.unpack(form, self.take(struct.calcsize(form)))
        return int(number)

    def count_short(self, size: int) -> None:
        # One remembered text can be encoded again and again.
        self.short_bytes += size
        if self.short_bytes > MAX_SHORT_BYTES:
            raise _refused(f"has more than {MAX_SHORT_BYTES:,} bytes of names; CIFAR-100 has fewer")

    def push_bytes(self, form: str) -> None:
        size = self.number(form)
        if size > LONG_BYTES:
            start = self.file.tell()
            self.file.writelines(self.parts(size))
            self.stack.append(LongBytes(self.file, start, size))
        else:
            self.count_short(size)
            self.stack.append(self.take(size))

    def push_text(self, form: str) -> None:
        size = self.number(form)
        if size > LONG_BYTES:
            start = self.file.tell()
            for text in codecs.iterdecode(self.parts(size), "utf-8"):
                self.file.write(text.encode("latin1"))
            length = self.file.tell() - start
            self.stack.append(LongBytes(self.file, start, length, is_text=True))
        else:
            self.count_short(size)
            encoded = self.take(size)
            if max(encoded, default=0) > _MAX_LATIN1_BYTE:
                raise _refused(f"has text beyond Latin-1; {_ALLOWED}")
            self.stack.append(encoded.decode("utf-8"))

    def pop(self, count: int) -> list[object]:
        values = self.stack[-count:]
        if len(values) < count:
            raise IndexError(f"takes {count} of {len(values)} values")
        del self.stack[-count:]
        return values

    def pop_marked(self) -> list[object]:
        start = self.marks.pop()
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def remember(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    def append(self, values: list[object]) -> None:
        target = self.stack[-1]
        if not isinstance(target, list):
            raise TypeError(f"appends to a {type(target).__name__}")
        target.extend(values)

    def set_items(self, values: list[object]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict):
            raise TypeError(f"sets an item of a {type(target).__name__}")
        for key, value in zip(values[::2], values[1::2], strict=True):
            # Other keys can be made to collide or to nest, and then take hours to hash.
            if not isinstance(key, (str, bytes)) or len(key) > MAX_KEY_LENGTH:
                raise _refused(
                    f"has a {type(key).__name__} as key of a dict; "
                    f"allowed: text and bytes of at most {MAX_KEY_LENGTH} characters"
                )
            target[key] = value

    def line(self) -> str:
        line = self.source.readline(_MAX_GLOBAL_BYTES)
        if not line.endswith(b"\n"):
            raise ValueError("a name has no end")
        return line[:-1].decode("ascii")

    def find(self, module: object, name: object) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise TypeError("names a global with something other than text")
        if (module, name) not in FUNCTIONS:
            shown = f"{module[:_MAX_GLOBAL_BYTES]}.{name[:_MAX_GLOBAL_BYTES]}"
            raise _refused(f"asks for {shown}, which could run code; {_ALLOWED}")
        self.stack.append(FUNCTIONS[module, name])

    def call(self) -> None:
        function, arguments = self.pop(2)
        # No other callable can be on the stack.
        if not callable(function):
            raise _refused(f"calls a {type(function).__name__}; {_ALLOWED}")
        made = function(*as_tuple(arguments))
        if isinstance(made, bytes):
            self.count_short(len(made))
        self.stack.append(made)

    def build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if not isinstance(target, (PickledArray, PickledDtype)):
            raise _refused(
                f"sets the state (BUILD) of a {type(target).__name__}; allowed: of uint8 arrays"
            )
        target.set_state(state)


_NAMES = {opcode.code.encode("latin1"): opcode.name for opcode in pickletools.opcodes}
_OPERATIONS: dict[bytes, Callable[[_Reader], object]] = {
    pickle.PROTO: lambda reader: reader.take(1),
    pickle.FRAME: lambda reader: reader.take(8),
    pickle.MARK: lambda reader: reader.marks.append(len(reader.stack)),
    pickle.NONE: lambda reader: reader.stack.append(None),
    pickle.NEWTRUE: lambda reader: reader.stack.append(True),
    pickle.NEWFALSE: lambda reader: reader.stack.append(False),
    pickle.BININT: lambda reader: reader.stack.append(reader.number("<i")),
    pickle.BININT1: lambda reader: reader.stack.append(reader.number("<B")),
    pickle.BININT2: lambda reader: reader.stack.append(reader.number("<H")),
    pickle.BINFLOAT: lambda reader: reader.stack.extend(struct.unpack(">d", reader.take(8))),
    pickle.BINSTRING: lambda reader: reader.push_bytes("<I"),
    pickle.SHORT_BINSTRING: lambda reader: reader.push_bytes("<B"),
    pickle.BINBYTES: lambda reader: reader.push_bytes("<I"),
    pickle.SHORT_BINBYTES: lambda reader: reader.push_bytes("<B"),
    pickle.BINBYTES8: lambda reader: reader.push_bytes("<Q"),
    pickle.BYTEARRAY8: lambda reader: reader.push_bytes("<Q"),
    pickle.BINUNICODE: lambda reader: reader.push_text("<I"),
    pickle.SHORT_BINUNICODE: lambda reader: reader.push_text("<B"),
    pickle.BINUNICODE8: lambda reader: reader.push_text("<Q"),
    pickle.EMPTY_LIST: lambda reader: reader.stack.append([]),
    pickle.EMPTY_DICT: lambda reader: reader.stack.append({}),
    pickle.EMPTY_TUPLE: lambda reader: reader.stack.append(()),
    pickle.TUPLE: lambda reader: reader.stack.append(tuple(reader.pop_marked())),
    pickle.TUPLE1: lambda reader: reader.stack.append(tuple(reader.pop(1))),
    pickle.TUPLE2: lambda reader: reader.stack.append(tuple(reader.pop(2))),
    pickle.TUPLE3: lambda reader: reader.stack.append(tuple(reader.pop(3))),
    pickle.APPEND: lambda reader: reader.append(reader.pop(1)),
    pickle.APPENDS: lambda reader: reader.append(reader.pop_marked()),
    pickle.SETITEM: lambda reader: reader.set_items(reader.pop(2)),
    pickle.SETITEMS: lambda reader: reader.set_items(reader.pop_marked()),
    pickle.BINPUT: lambda reader: reader.remember(reader.number("<B")),
    pickle.LONG_BINPUT: lambda reader: reader.remember(reader.number("<I")),
    pickle.MEMOIZE: lambda reader: reader.remember(len(reader.memo)),
    pickle.BINGET: lambda reader: reader.stack.append(reader.memo[reader.number("<B")]),
    pickle.LONG_BINGET: lambda reader: reader.stack.append(reader.memo[reader.number("<I")]),
    pickle.GLOBAL: lambda reader: reader.find(reader.line(), reader.line()),
    pickle.STACK_GLOBAL: lambda reader: reader.find(*reader.pop(2)),
    pickle.REDUCE: _Reader.call,
    pickle.BUILD: _Reader.build,
}
