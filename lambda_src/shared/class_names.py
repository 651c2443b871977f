"""Define names of classes, and how templates, parameters and environment variables hold them."""

import json
import re
from collections.abc import Sequence

NAME = r"(?!\s)(?!.*\{\{)[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{1,64}(?<!\s)"
"""No control character, and no dynamic reference of CloudFormation."""
ALLOWED = "1 to 64 printable characters, no space at either end, no {{"

MOST = 100
MAX_BYTES = 2500
"""Of all names as `encode` writes them. A function's variables have 4 KB in all, the reply of a
custom resource as well."""

LONGEST_UNLISTED = 200
"""`longest` of names that the settings do not list: how many pictures an execution of the workflow
takes is settled at synth, where only listed names are known."""

_PLAIN = re.compile(r"[A-Za-z0-9_. -]+")


def encode(names: Sequence[str]) -> str:
    """Return the names joined by commas, or as a JSON list in ASCII if one of them needs it."""
    if all(map(_PLAIN.fullmatch, names)):
        return ",".join(names)
    return json.dumps(names, separators=(",", ":"))


def decode(text: str) -> tuple[str, ...]:
    """Return the names that `encode` wrote."""
    return tuple(json.loads(text)) if text.startswith("[") else tuple(text.split(","))


def in_ascii(name: str) -> str:
    """Return a name for a template, escaped as in JSON: CloudFormation takes ASCII only."""
    return json.dumps(name)[1:-1]


def from_ascii(text: str) -> str:
    """Return the name that `in_ascii` wrote; raise ValueError if it did not."""
    return str(json.loads(f'"{text}"'))


def longest(names: Sequence[str]) -> int:
    """Return the most bytes that one of the names may take in the workflow's state.

    Counted as picture_results.py does: any character but printable ASCII as if it were escaped.
    """
    return max(map(_bytes, names))


def _bytes(name: str) -> int:
    return sum(map(_bytes_of_letter, name))


def _bytes_of_letter(letter: str) -> int:
    if letter in '"\\' or "\u0080" <= letter <= "\u07ff":
        return 2
    return 1 if " " <= letter <= "~" else 6


def fault(names: object) -> str | None:
    """Return why a dataset cannot have these classes if the settings list none; None if it can."""
    if not isinstance(names, list) or not 2 <= len(names) <= MOST:
        return f"expected a list of 2 to {MOST} names"
    for name in names:
        if not isinstance(name, str) or not re.fullmatch(NAME, name):
            return f"{name!r:.80} is not a class name; allowed: {ALLOWED}"
        if names.count(name) > 1:
            return f"{name!r} appears twice"
        if _bytes(name) > LONGEST_UNLISTED:
            return f"{name!r} is too long; shorten it, or list the names in dataset.classes"
    if (size := len(encode(names))) > MAX_BYTES:
        return f"the names take {size:,} bytes; allowed: {MAX_BYTES:,}; shorten them"
    return None
