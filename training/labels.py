"""Read classes and sides as people write them in lists and as names of folders."""

import re
import unicodedata
from collections.abc import Mapping

from lambda_src.shared import class_names
from lambda_src.shared.messages import shown
from training.pictures import Split

SPLITS: Mapping[str, Split] = {
    **dict.fromkeys(("train", "training"), "train"),
    # What people keep from training, for whatever purpose, never trains here either.
    **dict.fromkeys(("validation", "valid", "val", "test"), "validation"),
}


def class_name(label: str) -> str:
    """Return the name of a class that a label is; raise ValueError if it cannot be one."""
    # A Mac's files and keyboards may compose letters differently.
    name = unicodedata.normalize("NFC", label)
    if not name:
        raise ValueError("not labelled")
    if not re.fullmatch(class_names.NAME, name):
        raise ValueError(f"not a name of a class: {shown(name)}; allowed: {class_names.ALLOWED}")
    return name
