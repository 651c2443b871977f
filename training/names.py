"""Read the names of classes and splits that people write in lists and give to folders."""

import re
import unicodedata
from collections.abc import Mapping, Sequence

from lambda_src.shared import class_names
from lambda_src.shared.messages import shown
from training.pictures import Split

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
NOT_UTF8 = re.compile(r"[\ud800-\udfff]")  # how Python holds such bytes of a file's name

SPLIT_NAMES: Mapping[str, Split] = {
    **dict.fromkeys(("train", "training"), "train"),
    # What people keep from training, for whatever purpose, never trains here either.
    **dict.fromkeys(("validation", "valid", "val", "test", "testing"), "validation"),
}


def class_name(label: str) -> str:
    """Return the name of a class that a label is; raise ValueError if it cannot be one."""
    # A Mac's files and keyboards may compose letters differently.
    name = unicodedata.normalize("NFC", label)
    if not name:
        raise ValueError("not labelled")
    if not re.fullmatch(class_names.NAME, name):
        raise ValueError(f"not a class name: {shown(name)}; allowed: {class_names.ALLOWED}")
    return name


class NamedClasses:
    """Find classes by what people write: the name, in any case where that is clear."""

    def __init__(self, names: Sequence[str]) -> None:
        """Take the names in the order of the classes."""
        self._exact = {name: position for position, name in enumerate(names)}
        folded = [_folded(name) for name in names]
        self._folded = {
            name: position for position, name in enumerate(folded) if folded.count(name) == 1
        }

    def position(self, text: str) -> int | None:
        """Return the position of the class; None if the text names none."""
        return self._exact.get(text, self._folded.get(_folded(text)))


def _folded(name: str) -> str:
    # Letters with accents may be one character or two: folders of macOS have two.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
