"""JSONata's `$string` and regular expressions are JavaScript's; ministack has Python's.

`$string` of an object or a list: JavaScript writes what is not ASCII as it is, and 1.0 as 1.

In a regular expression, `$` is the end of the text, which for Python is also before a final line
feed; `.` is any character but the four that end a line, which for Python is one.

ministack ends an evaluation after a second, which on a busy machine need not be an endless loop.
"""

import re
from functools import lru_cache
from typing import Any

from localcloud.emulator.names import Function, around, private, replace

ENCODER = "jsonata.functions:Functions.Encoder"
MAKE_PATTERN = "jsonata.regex_engine:default_regex_engine"
PARSER = "jsonata.parser:Parser"
GET_PARSER = "jsonata.jsonata:Jsonata.get_parser"
MAKE_EXPRESSION = "jsonata.jsonata:Jsonata.jsonata"

EVALUATION_MILLISECONDS = 60_000

EXPRESSIONS = 4096
"""Most parsed ones that are kept; a state machine has some dozens."""

# An escaped character or a class stays as it is.
_SYNTAX = re.compile(r"(?P<literal>\\.|\[(?:\\.|[^\]\\])*\])|[$.]", re.DOTALL)
_PYTHON = {"$": r"\Z", ".": r"[^\n\r\u2028\u2029]"}

_TOKEN = re.compile(r'(?P<text>"(?:[^"\\]|\\.)*")|(?P<fraction>-?[0-9]+[.eE][0-9.eE+-]*)')
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def repair() -> None:
    """Write text and compile patterns as JavaScript does, and give evaluations time."""
    python_encoder: type[Any] = private(ENCODER)
    make_parser = private(PARSER)

    class Encoder(python_encoder):  # type: ignore[misc]  # a class of a package without types
        """Makes JSON text of what is not a text."""

        def __init__(self, **options: Any) -> None:
            super().__init__(**options | {"ensure_ascii": False})

        def encode(self, value: Any) -> str:
            encode = super().encode

            def rewrite(token: re.Match[str]) -> str:
                if token["fraction"]:
                    number: str = encode(float(token["fraction"]))  # alone, it is as it should be
                    return number
                return _LONE_SURROGATE.sub(lambda one: f"\\u{ord(one[0]):04x}", token["text"])

            return _TOKEN.sub(rewrite, encode(value))

    class Parser:
        """Parses an expression once; the library keeps one parser a thread, which forgets."""

        dbg = False  # read by the evaluation

        @staticmethod
        @lru_cache(EXPRESSIONS)
        def parse(expression: str, _regex_engine: object) -> Any:
            # A new one, because a parser has state, and two threads may come at once. What it
            # returns is read only.
            return make_parser().parse(expression, compile_pattern)

    parser = Parser()
    replace(GET_PARSER, staticmethod(lambda: parser))
    replace(ENCODER, Encoder)

    @around(MAKE_EXPRESSION)
    def make_expression_with_time(make: Function, *arguments: Any, **options: Any) -> Any:
        return make(*arguments, **options | {"timeout": EVALUATION_MILLISECONDS})


def compile_pattern(pattern: str, flags: Any) -> Any:
    """Compile a regular expression of JSONata, as the engine `regex_engine` of its parser."""
    if not flags.multiline:
        pattern = _SYNTAX.sub(lambda one: one["literal"] or _PYTHON[one[0]], pattern)
    return private(MAKE_PATTERN)(pattern, flags)
