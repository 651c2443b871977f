import threading
from collections.abc import Callable
from typing import Any

import pytest

from localcloud.emulator.names import private
from localcloud.emulator.repairs import jsonata_parsing

# Keeps a list, groups, calls a function: nodes of the tree that an evaluation might change.
EXPRESSION = '$merge([{"all": [$states.input.value]}, {"sum": $sum($states.input.value.(1))}])'


def evaluate(expression: str, value: Any) -> Any:
    return private("ministack.services.stepfunctions:_evaluate_jsonata")(
        expression, {"value": value}
    )


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The repair, undone at the end; what was parsed since."""
    Parser: Any = private(jsonata_parsing.PARSER)  # noqa: N806 - a class
    parse: Callable[..., Any] = Parser.parse
    expressions: list[str] = []

    def parse_and_note(parser: Any, expression: str, *rest: Any) -> Any:
        expressions.append(expression)
        return parse(parser, expression, *rest)

    monkeypatch.setattr(Parser, "parse", parse_and_note)
    Jsonata: Any = private("jsonata.jsonata:Jsonata")  # noqa: N806 - a class
    monkeypatch.setattr(Jsonata, "get_parser", Jsonata.get_parser)
    return expressions


def test_an_expression_is_parsed_once_for_all_threads(parsed: list[str]) -> None:
    results: dict[int, Any] = {}

    def work(number: int) -> None:
        results[number] = [evaluate(EXPRESSION, [number, each]) for each in range(20)]

    evaluate(EXPRESSION, 1)
    evaluate(EXPRESSION, 2)
    assert parsed == [EXPRESSION] * 2, "ministack parses anew"
    parsed.clear()

    jsonata_parsing.repair()
    evaluate(EXPRESSION, 1)
    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert parsed == [EXPRESSION]
    assert results == {
        number: [{"all": [number, each], "sum": 2} for each in range(20)] for number in range(8)
    }


def test_an_expression_that_is_wrong_is_wrong_each_time(parsed: list[str]) -> None:
    jsonata_parsing.repair()

    for _ in range(2):
        with pytest.raises(Exception, match="S0201|S0203|S0207"):
            evaluate("$states.input.value)", 1)
    assert len(parsed) == 2
