"""Read CIFAR-100 from its archive into arrays; usable alone:

>>> from training.cifar.cifar100 import load
>>> cifar = load("cifar-100-python.tar.gz", classes=["cattle"])         # doctest: +SKIP
>>> cifar.train.rows.shape, cifar.train.pictures.shape                  # doctest: +SKIP
((500, 3072), (500, 32, 32, 3))
>>> cifar.class_names[cifar.train.labels[0]], cifar.train.file_names[0] # doctest: +SKIP
('cattle', 'bos_taurus_s_000507.png')

Layout: https://www.cs.toronto.edu/~kriz/cifar.html, "CIFAR-100", Python version.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TypeVar

import numpy as np
from numpy.typing import NDArray

from training.cifar.archive import read_members
from training.cifar.pickled_arrays import LongBytes, PickledArray
from training.cifar.pickles import unpickle
from training.errors import ArchiveRefusedError

SIDE = 32
CHANNELS = 3
ROW_BYTES = CHANNELS * SIDE * SIDE
MAX_NAME_BYTES = 255
MAX_ROWS = 50_000
"""Per split; the published archive has as many."""
MAX_ROWS_OF_CLASS = 2_500
"""Per split; the published archive has 500."""

T = TypeVar("T")

_META, _TRAIN, _TEST = (f"cifar-100-python/{name}" for name in ("meta", "train", "test"))


@dataclass(frozen=True)
class Split:
    """Holds the pictures of one split; element `i` of every field describes the same picture."""

    rows: NDArray[np.uint8]
    """(n, 3072): 1,024 red values of a picture, line by line, then green, then blue."""
    labels: tuple[int, ...]
    """Position of the class in `Cifar100.class_names`."""
    file_names: tuple[str, ...]
    numbers: tuple[int, ...]
    """Row in the archive's array."""

    @property
    def pictures(self) -> NDArray[np.uint8]:
        """Return the rows as RGB pictures, (n, 32, 32, 3); a view, not a copy."""
        return self.rows.reshape(-1, CHANNELS, SIDE, SIDE).transpose(0, 2, 3, 1)


@dataclass(frozen=True)
class Cifar100:
    """Holds both splits and the names of the fine classes."""

    class_names: tuple[str, ...]
    train: Split
    test: Split


def load(path: str | Path, *, classes: Collection[str] | None = None) -> Cifar100:
    """Read `cifar-100-python.tar.gz` (or an archive of the same layout) safely.

    Only the pictures of `classes` (default: all) and rows with an unknown label are kept in memory.
    All others are in a temporary file (150 MB) during the call.

    Raises:
        ArchiveRefusedError: the archive is unsafe, damaged or laid out differently, or has more
            pictures than `MAX_ROWS` in a split or `MAX_ROWS_OF_CLASS` in one of `classes`.
        OSError: the file cannot be read.
    """
    path = Path(path)
    try:
        with tempfile.TemporaryFile() as file:
            parts = read_members(
                path, {name: partial(_part, name, file=file) for name in (_META, _TRAIN, _TEST)}
            )
            names = parts[_META].names
            train, test = (_split(parts[name], names, classes) for name in (_TRAIN, _TEST))
    except ArchiveRefusedError as error:
        raise ArchiveRefusedError(f"{path}: {error}") from error
    return Cifar100(class_names=names, train=train, test=test)


@dataclass(frozen=True)
class _Part:
    """Holds one member of the archive."""

    member: str
    names: tuple[str, ...]
    """Class names, or file names of the pictures."""
    labels: tuple[int, ...] = ()
    rows: NDArray[np.uint8] | None = None


def _part(member: str, source: IO[bytes], *, file: IO[bytes]) -> _Part:
    try:
        values = unpickle(source, file)
    except ArchiveRefusedError as error:
        raise ArchiveRefusedError(f"{member}: {error}") from error
    if not isinstance(values, dict):
        raise ArchiveRefusedError(f"{member}: holds a {type(values).__name__}, expected a dict")

    def value(key: str, read: Callable[[object], T]) -> T:
        if key.encode() not in values:
            raise ArchiveRefusedError(f"{member}: {key!r} is missing")
        try:
            return read(values[key.encode()])
        except (ValueError, TypeError) as error:
            raise ArchiveRefusedError(f"{member}: {key!r} {error}") from error

    if member == _META:
        return _Part(member, value("fine_label_names", _texts))
    rows, labels, files = (
        value("data", _rows),
        value("fine_labels", _labels),
        value("filenames", _texts),
    )
    if not len(rows) == len(labels) == len(files):
        raise ArchiveRefusedError(
            f"{member}: {len(rows)} pictures, {len(labels)} labels and {len(files)} file names; "
            "expected as many of each"
        )
    return _Part(member, files, labels, rows)


def _rows(value: object) -> NDArray[np.uint8]:
    if not isinstance(value, PickledArray):
        raise TypeError(f"is a {type(value).__name__}, expected a numpy array")
    rows = value.array()
    if rows.ndim != 2 or rows.shape[1] != ROW_BYTES:
        raise ValueError(f"has shape {rows.shape}, expected (n, {ROW_BYTES})")
    return rows


def _labels(value: object) -> tuple[int, ...]:
    if not isinstance(value, list) or not all(type(label) is int for label in value):
        raise TypeError("is not a list of integers")
    return tuple(value)


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(t, (bytes, LongBytes)) for t in value):
        raise TypeError("is not a list of byte strings")
    if len(value) > MAX_ROWS:
        raise ValueError(f"has {len(value):,} names, expected {MAX_ROWS:,} at most")
    longest = max(map(len, value), default=0)
    if longest > MAX_NAME_BYTES:
        raise ValueError(f"has a name of {longest:,} bytes, expected {MAX_NAME_BYTES} at most")
    # A pickle can refer to one long string many times, so each is decoded once. A name that is not
    # UTF-8 is escaped, which keeps it recognisable; its row is refused later.
    decoded = {text: text.decode("utf-8", errors="backslashreplace") for text in set(value)}
    return tuple(decoded[text] for text in value)


def _split(part: _Part, names: Sequence[str], classes: Collection[str] | None) -> Split:
    """Return the wanted rows of a split."""
    assert part.rows is not None  # only the member of the class names has none
    known = range(len(names))
    unwanted = {label for label in known if classes is not None and names[label] not in classes}
    counts = Counter(label if label in known else None for label in part.labels)
    for label, count in counts.items():
        if label not in unwanted and count > MAX_ROWS_OF_CLASS:
            name = "unknown labels" if label is None else f"the class {names[label]!r}"
            raise ArchiveRefusedError(
                f"{part.member}: {count:,} pictures of {name}, "
                f"expected {MAX_ROWS_OF_CLASS:,} at most"
            )
    numbers = [row for row, label in enumerate(part.labels) if label not in unwanted]
    return Split(
        rows=part.rows[np.array(numbers, np.intp)],
        labels=tuple(part.labels[row] for row in numbers),
        file_names=tuple(part.names[row] for row in numbers),
        numbers=tuple(numbers),
    )
