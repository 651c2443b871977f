"""Define names of classes, and how a parameter or an environment variable holds them."""

import json
import re
from collections.abc import Sequence

NAME = r"(?! )(?!.*\{\{)[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{1,64}(?<! )"
"""No control character, and no dynamic reference of CloudFormation."""
ALLOWED = "1 to 64 printable characters, no space at either end, no {{"

MOST = 100
MAX_BYTES = 2500
"""Of all names as `encode` writes them. A function's variables have 4 KB in all, the reply of a
custom resource as well."""

_PLAIN = re.compile(r"[A-Za-z0-9_. -]+")


def encode(names: Sequence[str]) -> str:
    """Return the names joined by commas, or as a JSON list in ASCII if one of them needs it."""
    if all(map(_PLAIN.fullmatch, names)):
        return ",".join(names)
    return json.dumps(names, separators=(",", ":"))


def decode(text: str) -> tuple[str, ...]:
    """Return the names that `encode` wrote."""
    return tuple(json.loads(text)) if text.startswith("[") else tuple(text.split(","))
