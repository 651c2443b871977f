import json
from typing import Any

import pytest

from stacks.constructs.common.jsonata import NO_CAUSE, readable
from tests.infrastructure.expressions.evaluation import evaluate

TIMED_OUT = (
    "2026-01-01T00:00:00.000Z 00000000-0000-0000-0000-000000000000 "
    "Task timed out after 15.00 seconds"
)
UNKNOWN = (
    "The cause could not be determined because Lambda did not return an error type. "
    "Returned payload: "
)
ESCAPED = '{"errorMessage":"a\\u00fc\\ud83d\\ude00\\"b\\\\'


def read(caught: dict[str, str]) -> Any:
    """Return what `readable` makes of the Cause of an error output."""
    expression = f"{{% {readable('$states.errorOutput.Cause')} %}}"
    return evaluate(expression, {"errorOutput": caught})


@pytest.mark.parametrize(
    ("cause", "text"),
    [
        ('{"errorType":"Sandbox.Timedout","errorMessage":"Error: timed out"}', "Error: timed out"),
        (f'{UNKNOWN}{{"errorMessage":"{TIMED_OUT}"}}', TIMED_OUT),
        (f"{UNKNOWN}null", f"{UNKNOWN}null"),
        ("Rate Exceeded. (Service: Lambda)", "Rate Exceeded. (Service: Lambda)"),
        # Nothing in it to show instead.
        ('{"errorMessage":"","errorType":"E"}', '{"errorMessage":"","errorType":"E"}'),
        ('{"errorMessage":null}', '{"errorMessage":null}'),
        # The name inside a value is not a member.
        (json.dumps({"trace": '"errorMessage":"no"', "errorMessage": "yes"}), "yes"),
        # Cut off by Step Functions.
        ('{"errorMessage":"the beginning of a lo', "the beginning of a lo"),
        ('{"errorMessage":"ends in an escape \\u00', "ends in an escape \\u00"),
        ('{"errorMessage"', '{"errorMessage"'),
        # Not JSON, though it looks like it.
        ('{"errorMessage":"two\nlines, \\x"}', "two\nlines, \\x"),
        ("", NO_CAUSE),
    ],
)
def test_a_cause_becomes_readable(cause: str, text: str) -> None:
    assert read({"Error": "Any", "Cause": cause}) == text


def test_an_error_without_a_cause_says_so() -> None:
    assert read({"Error": "States.Timeout"}) == NO_CAUSE


@pytest.mark.parametrize("ensure_ascii", [True, False])
@pytest.mark.parametrize(
    "message", ['s3://b/"\\u0041"\\n\t\r\n/', "\u00fc \u20ac \U0001f600 \u2028", "\x7f\x80\u00a0"]
)
def test_a_message_is_decoded_as_json_is(message: str, ensure_ascii: bool) -> None:
    error = {"errorType": "E", "errorMessage": message, "stackTrace": ["\n"]}

    assert read({"Cause": json.dumps(error, ensure_ascii=ensure_ascii)}) == message


def test_what_cannot_be_sent_on_stays_escaped() -> None:
    error = json.dumps({"errorMessage": "\ud800.png \x00 \x07"})

    assert read({"Cause": error}) == "\\ud800.png \\u0000 \\u0007"


@pytest.mark.parametrize("length", range(len(ESCAPED) + 1))
def test_a_cause_may_be_cut_off_anywhere(length: int) -> None:
    text = read({"Cause": ESCAPED[:length]})

    assert isinstance(text, str)
    assert text


@pytest.mark.parametrize("fill", ["x", '"', "\\", "\n", "\U0001f600"])
def test_the_longest_cause_is_read(fill: str) -> None:
    cause = json.dumps({"errorMessage": fill * 20_000})[:32_768]

    assert read({"Cause": cause}).startswith(fill * 500)
