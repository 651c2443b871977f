import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest

from localcloud.emulator.names import private
from localcloud.emulator.repairs import jsonata_parsing, jsonata_text


@pytest.fixture
def repaired() -> Iterator[None]:
    """The repairs, undone at the end."""
    with pytest.MonkeyPatch.context() as patch:
        for name in (jsonata_parsing.GET_PARSER, jsonata_text.ENCODER):
            owner, _, attribute = name.replace(":", ".").rpartition(".")
            patch.setattr(pkgutil.resolve_name(owner), attribute, private(name))
        jsonata_parsing.repair()
        jsonata_text.repair()
        yield


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
