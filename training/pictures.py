"""Define what passes from a source of pictures to a staged dataset.

A source lists pictures without reading them; `training.preparation` reads, checks and makes them
uniform; `training.selection` says which are staged and in which split; `training.dataset` writes.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

Split = Literal["train", "validation"]
SPLITS: tuple[Split, Split] = ("train", "validation")


@dataclass(frozen=True, slots=True)
class SourcePicture:
    """A labelled picture that a source lists."""

    path: str
    """As people know it in the source, unique there: "burnt/IMG_0001.jpg", an S3 URI, a row."""
    label: str
    """Class name."""
    split: Split | None = None
    """None: the dataset decides."""
    group: str = ""
    """Pictures of one group stay in one split; empty: `dataset.group_pattern` decides."""
    size: int = 0
    """Bytes."""
    version: str = ""
    """Differs when the content differs: an ETag, or size and time of the last change."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A picture, or a row of a list, that is not staged."""

    path: str
    reason: str
    """Ends a sentence: "ends too early", "duplicate picture: burnt/IMG_0002.jpg"."""


def counts(
    labels: Mapping[Split, Iterable[str]], classes: Sequence[str]
) -> dict[str, dict[str, int]]:
    """Return the number of pictures by split and class, from their class names by split."""
    counters = {split: Counter(names) for split, names in labels.items()}
    return {split: {name: counter[name] for name in classes} for split, counter in counters.items()}


class Source(Protocol):
    """Where labelled pictures come from."""

    name: str
    """"cifar-100", "drawn", "folder", "manifest" or "labels"."""
    location: str
    """As people name it: a path, an S3 URI."""

    def pictures(self) -> Iterator[SourcePicture | Refusal]:
        """List everything, in an order that does not change; read no picture."""
        ...

    def read(self, picture: SourcePicture) -> bytes:
        """Return a picture's file, at most `uniform.MAX_BYTES`; used by threads.

        Raises:
            OSError, or an error of AWS: it cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class Uniform:
    """A picture as it is staged, and what it was."""

    png: bytes
    """8-bit RGB, square, stored without compression: its bytes are the same on every machine."""
    fingerprint: bytes
    """`training.duplicates.fingerprint`: similar for pictures that look the same."""
    format: str
    """Of Pillow, such as "JPEG"."""
    mode: str
    """Of Pillow, such as "CMYK"."""
    width: int
    height: int
    """Pixels of the source's picture, as it is shown: after EXIF's orientation."""
    notes: tuple[str, ...] = ()
    """What was done to it beyond resizing: "rotated as EXIF says", "transparency dropped"."""


@dataclass(frozen=True, slots=True)
class PreparedPicture:
    """A uniform picture, on disk or in memory."""

    source: SourcePicture
    sha256: str
    """Of the PNG file, in hex: equal for equal pixels."""
    fingerprint: bytes
    content: bytes | Path
    """The PNG file."""
    format: str
    mode: str
    width: int
    height: int
    notes: tuple[str, ...] = ()
