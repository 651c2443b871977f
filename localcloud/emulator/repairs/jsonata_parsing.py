"""A JSONata expression is parsed once; ministack parses it each time that it evaluates it.

Its library keeps one parser a thread, and a Map runs on threads of its own: each execution makes
new parsers, too. What parsing gives is read only, so that all threads may have the same.
"""

from functools import lru_cache
from typing import Any

from localcloud.emulator.names import private, replace
from localcloud.emulator.repairs.jsonata_text import compile_pattern

PARSER = "jsonata.parser:Parser"
GET_PARSER = "jsonata.jsonata:Jsonata.get_parser"

EXPRESSIONS = 4096
"""Most that are kept; a state machine has some dozens."""


def repair() -> None:
    """Give every thread one parser that remembers."""
    make_parser = private(PARSER)

    class RememberingParser:
        """Stands in for the library's parser."""

        dbg = False  # read by the evaluation

        @staticmethod
        @lru_cache(EXPRESSIONS)
        def parse(expression: str, _regex_engine: object) -> Any:
            # Anew, because a parser has state, and two threads may come at once.
            return make_parser().parse(expression, compile_pattern)

    parser = RememberingParser()
    replace(GET_PARSER, staticmethod(lambda: parser))
