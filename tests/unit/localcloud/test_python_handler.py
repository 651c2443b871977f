import sys
from types import SimpleNamespace
from typing import Any

import pytest

from localcloud.emulator.repairs.python_handler import END_OF_LOG, HANDLER_ERROR, as_on_aws

CONTEXT = SimpleNamespace(aws_request_id="request-1")


class NotSureEnough(Exception):
    pass


def test_a_result_passes_unchanged() -> None:
    result = {"body": [1, 2.5, None, "text"]}
    assert as_on_aws(lambda event, context: result)({}, CONTEXT) == result


def test_bytes_become_text_at_any_depth() -> None:
    assert as_on_aws(lambda event, context: {"a": [b"x", {"b": b"y"}]})({}, CONTEXT) == {
        "a": ["x", {"b": "y"}]
    }


def test_an_exception_becomes_a_report(capsys: pytest.CaptureFixture[str]) -> None:
    def handler(event: Any, context: Any) -> None:
        raise NotSureEnough("0.4")

    report = as_on_aws(handler)({}, CONTEXT)[HANDLER_ERROR]

    assert report["errorType"] == "NotSureEnough"
    assert report["errorMessage"] == "0.4"
    assert report["requestId"] == "request-1"
    (frame,) = report["stackTrace"]
    assert "in handler" in frame
    log = capsys.readouterr().err
    assert "[ERROR] NotSureEnough: 0.4\nTraceback (most recent call last):" in log


@pytest.mark.parametrize("result", [object(), b"\xff"])
def test_a_result_without_a_json_form_is_a_marshal_error(result: Any) -> None:
    report = as_on_aws(lambda event, context: result)({}, CONTEXT)[HANDLER_ERROR]

    assert report["errorType"] == "Runtime.MarshalError"
    assert report["errorMessage"].startswith("Unable to marshal response: ")


def test_the_log_of_a_call_ends_with_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    as_on_aws(lambda event, context: print("unfinished", end="", file=sys.stderr))({}, CONTEXT)

    assert capsys.readouterr().err == f"unfinished\n{END_OF_LOG}\n"
