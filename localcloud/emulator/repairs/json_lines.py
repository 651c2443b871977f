"""An item of a JSON Lines dataset ends at a newline; ministack ends it at any Unicode line break.

JSON allows such characters (U+2028, U+0085) inside a string, for example in the key of a picture.
"""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from localcloud.emulator.names import private, replace

PARSE = "ministack.services.stepfunctions:_parse_reader_items"


def repair() -> None:
    """Read JSON Lines here."""
    parse: Callable[[str, dict[str, Any]], list[Any]] = private(PARSE)

    @wraps(parse)
    def parse_at_newlines(text: str, settings: dict[str, Any]) -> list[Any]:
        if settings.get("InputType") == "JSONL":
            return [json.loads(line) for line in text.split("\n") if line.strip()]
        return parse(text, settings)

    replace(PARSE, parse_at_newlines)
