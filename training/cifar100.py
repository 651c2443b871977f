"""CIFAR-100 as arrays, from its archive; usable alone:

>>> from training.cifar100 import load
>>> cifar = load("cifar-100-python.tar.gz")                             # doctest: +SKIP
>>> cifar.train.rows.shape, cifar.train.pictures.shape                  # doctest: +SKIP
((50000, 3072), (50000, 32, 32, 3))
>>> cifar.class_names[cifar.train.labels[0]], cifar.train.file_names[0] # doctest: +SKIP
('cattle', 'bos_taurus_s_000507.png')

Layout: https://www.cs.toronto.edu/~kriz/cifar.html, "CIFAR-100", Python version.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.archive import read_members
from training.errors import ArchiveRefusedError
from training.pickles import PickledArray, unpickle

SIDE = 32
CHANNELS = 3
ROW_BYTES = CHANNELS * SIDE * SIDE
MAX_NAME_BYTES = 255

_MEMBERS = ("cifar-100-python/meta", "cifar-100-python/train", "cifar-100-python/test")


@dataclass(frozen=True)
class Split:
    """One split; row `i` of every field is the same picture."""

    rows: NDArray[np.uint8]
    """(n, 3072): 1,024 red values of a picture, line by line, then green, then blue."""
    labels: tuple[int, ...]
    """Position of the class in `Cifar100.class_names`."""
    file_names: tuple[str, ...]

    @property
    def pictures(self) -> NDArray[np.uint8]:
        """(n, 32, 32, 3): the rows as RGB pictures (a view, not a copy)."""
        return self.rows.reshape(-1, CHANNELS, SIDE, SIDE).transpose(0, 2, 3, 1)


@dataclass(frozen=True)
class Cifar100:
    """Both splits, with the names of the fine classes."""

    class_names: tuple[str, ...]
    train: Split
    test: Split


def load(path: str | Path) -> Cifar100:
    """Read `cifar-100-python.tar.gz` (or an archive of the same layout) safely, in memory.

    Raises:
        ArchiveRefusedError: the archive is unsafe, damaged, or laid out differently.
        OSError: the file cannot be read.
    """
    path = Path(path)
    try:
        members = read_members(path, _MEMBERS)
        meta, train, test = (_dictionary(members[name], name) for name in _MEMBERS)
        return Cifar100(
            class_names=_texts(meta, b"fine_label_names"), train=_split(train), test=_split(test)
        )
    except ArchiveRefusedError as error:
        raise ArchiveRefusedError(f"{path}: {error}") from error


@dataclass(frozen=True)
class _Dictionary:
    member: str
    values: dict[object, object]

    def __getitem__(self, key: bytes) -> object:
        if key not in self.values:
            raise self.error(key, "is missing")
        return self.values[key]

    def error(self, key: bytes, problem: str) -> ArchiveRefusedError:
        return ArchiveRefusedError(f"{self.member}: {key.decode()!r} {problem}")


def _dictionary(data: bytes, member: str) -> _Dictionary:
    try:
        values = unpickle(data)
    except ArchiveRefusedError as error:
        raise ArchiveRefusedError(f"{member}: {error}") from error
    if not isinstance(values, dict):
        raise ArchiveRefusedError(f"{member}: holds a {type(values).__name__}, expected a dict")
    return _Dictionary(member, values)


def _split(source: _Dictionary) -> Split:
    rows = _rows(source)
    split = Split(rows, _labels(source), _texts(source, b"filenames"))
    if not len(rows) == len(split.labels) == len(split.file_names):
        raise ArchiveRefusedError(
            f"{source.member}: {len(rows)} pictures, {len(split.labels)} labels and "
            f"{len(split.file_names)} file names; expected as many of each"
        )
    return split


def _rows(source: _Dictionary) -> NDArray[np.uint8]:
    pickled = source[b"data"]
    if not isinstance(pickled, PickledArray):
        raise source.error(b"data", f"is a {type(pickled).__name__}, expected a numpy array")
    try:
        rows = pickled.array()
    except (ValueError, TypeError) as error:
        raise source.error(b"data", f"is not an array: {error}") from error
    if rows.ndim != 2 or rows.shape[1] != ROW_BYTES:
        raise source.error(b"data", f"has shape {rows.shape}, expected (n, {ROW_BYTES})")
    return rows


def _labels(source: _Dictionary) -> tuple[int, ...]:
    labels = source[b"fine_labels"]
    if not isinstance(labels, list) or not all(type(label) is int for label in labels):
        raise source.error(b"fine_labels", "is not a list of integers")
    return tuple(labels)


def _texts(source: _Dictionary, key: bytes) -> tuple[str, ...]:
    texts = source[key]
    if not isinstance(texts, list) or not all(isinstance(text, bytes) for text in texts):
        raise source.error(key, "is not a list of byte strings")
    # A pickle can name one long string many times; each would be decoded by itself.
    longest = max((len(text) for text in texts), default=0)
    if longest > MAX_NAME_BYTES:
        raise source.error(
            key, f"has a name of {longest:,} bytes, expected {MAX_NAME_BYTES} at most"
        )
    # A name that is not UTF-8 stays recognisable, and is refused with its row.
    return tuple(text.decode("utf-8", errors="backslashreplace") for text in texts)
