import itertools
import pkgutil
import threading
from typing import Any

import pytest

from localcloud.emulator.names import private
from localcloud.emulator.repairs import jsonata


@pytest.fixture
def repaired(monkeypatch: pytest.MonkeyPatch) -> None:
    """The repair, undone at the end."""
    for name in (jsonata.GET_PARSER, jsonata.ENCODER, jsonata.MAKE_EXPRESSION):
        owner, _, attribute = name.replace(":", ".").rpartition(".")
        monkeypatch.setattr(pkgutil.resolve_name(owner), attribute, private(name))
    jsonata.repair()


def evaluate(expression: str, given: Any = None) -> Any:
    return private("ministack.services.stepfunctions:_evaluate_jsonata")(expression, given)


@pytest.mark.usefixtures("repaired")
@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": "ü🚲"}, '{"a":"ü🚲"}'),
        (["\u0001\n", "\ud83d"], r'["\u0001\n","\ud83d"]'),
        ({"a": [None, True, 1.0, 1e-7, 1e300]}, '{"a":[null,true,1,1e-7,1e+300]}'),
        ({"1.0": "1.0, 1e-07"}, '{"1.0":"1.0, 1e-07"}'),
        ("ü\ud83d", "ü\ud83d"),
    ],
)
def test_what_is_not_ascii_is_written_as_it_is(value: Any, text: str) -> None:
    assert evaluate("$string($states.input)", value) == text


@pytest.mark.usefixtures("repaired")
@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("^a$", "a", True),
        ("^a$", "a\n", False),
        ("^a$", "b\na", False),
        ("^.$", "\r", False),
        ("^.$", "\u2028", False),
        ("^[.$]$", "$", True),
        ("^[.$]$", "a", False),
        (r"^\$\.$", "$.", True),
        (r"^\$\.$", "$a", False),
    ],
)
def test_a_regular_expression_is_one_of_javascript(pattern: str, text: str, matches: bool) -> None:
    assert evaluate(f"$contains($states.input, /{pattern}/)", text) is matches


@pytest.mark.usefixtures("repaired")
def test_several_lines_have_several_ends() -> None:
    assert evaluate("$match($states.input, /a$/m).index", "a\nba\n") == [0, 3]


@pytest.mark.usefixtures("repaired")
def test_an_evaluation_may_take_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(step=2_000)
    monkeypatch.setattr("jsonata.timebox.Timebox.current_milli_time", lambda: next(clock))

    assert evaluate("$states.input + 1", 1) == 2


# --- parsing -------------------------------------------------------------------------------------

# Keeps a list, groups, calls a function: nodes of the tree that an evaluation might change.
EXPRESSION = '$merge([{"all": [$states.input]}, {"sum": $sum($states.input.(1))}])'


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the expressions that were parsed."""
    parser: Any = private(jsonata.PARSER)
    parse = parser.parse
    expressions: list[str] = []

    def parse_and_note(parser: Any, expression: str, *rest: Any) -> Any:
        expressions.append(expression)
        return parse(parser, expression, *rest)

    monkeypatch.setattr(parser, "parse", parse_and_note)
    return expressions


@pytest.mark.usefixtures("repaired")
def test_an_expression_is_parsed_once_for_all_threads(parsed: list[str]) -> None:
    results: dict[int, Any] = {}

    def work(number: int) -> None:
        results[number] = [evaluate(EXPRESSION, [number, each]) for each in range(20)]

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


@pytest.mark.usefixtures("repaired")
def test_an_expression_that_is_wrong_is_wrong_each_time(parsed: list[str]) -> None:
    for _ in range(2):
        with pytest.raises(Exception, match="S0201|S0203|S0207"):
            evaluate("$states.input)", 1)
    assert len(parsed) == 2
