"""How checks run: all at once, each error a finding, none beyond the deadline."""

import threading
import time
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.parsers import ResponseParserError

from operations.preflight.checks import Check, run
from operations.preflight.clients import Aws
from operations.preflight.findings import Finding, Verdict
from settings import Settings

OK = Finding(Verdict.OK, "fine")


def fine(_aws: Aws, _settings: Settings) -> Iterator[Finding]:
    yield OK


def failing(error: Exception) -> Check:
    """Finds one thing, then fails."""

    def check(_aws: Aws, _settings: Settings) -> Iterator[Finding]:
        yield OK
        raise error

    return check


def client_error(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "ListServiceQuotas")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            client_error("AccessDeniedException", "User: me is not authorized to perform it"),
            "AccessDeniedException on ListServiceQuotas: User: me is not authorized to perform it",
        ),
        (
            client_error("TooManyRequestsException", "Rate exceeded"),
            "ListServiceQuotas: TooManyRequestsException: Rate exceeded",
        ),
        (client_error("400", ""), "ListServiceQuotas: HTTP 400: no answer of AWS; emulators"),
        (ReadTimeoutError(endpoint_url="https://sns"), "Read timeout on endpoint URL"),
        (ResponseParserError("not XML"), "not XML"),
    ],
)
def test_an_error_of_aws_is_told_beside_what_was_found(
    aws: Aws, settings: Settings, error: Exception, words: str
) -> None:
    found = run({"one": failing(error), "other": fine}, aws, settings)
    assert found["other"] == [OK]
    first, second = found["one"]
    assert first == OK
    assert second.verdict is Verdict.NOT_CHECKED
    assert words in second.what


def test_a_denied_action_has_a_remedy(aws: Aws, settings: Settings) -> None:
    error = client_error("AccessDenied", "")
    _, finding = run({"one": failing(error)}, aws, settings)["one"]
    assert "allow this identity" in finding.remedy


def test_an_error_of_ours_is_not_hidden(aws: Aws, settings: Settings) -> None:
    with pytest.raises(KeyError):
        run({"one": failing(KeyError("Value"))}, aws, settings)


def test_checks_run_at_once(aws: Aws, settings: Settings) -> None:
    both = threading.Barrier(2)

    def meeting(_aws: Aws, _settings: Settings) -> Iterator[Finding]:
        both.wait(timeout=5)
        yield OK

    assert run({"one": meeting, "other": meeting}, aws, settings) == {"one": [OK], "other": [OK]}


def test_a_check_that_hangs_is_left_behind(aws: Aws, settings: Settings) -> None:
    released = threading.Event()
    keeps_us_from_ending: list[bool] = []

    def hanging(_aws: Aws, _settings: Settings) -> Iterator[Finding]:
        keeps_us_from_ending.append(not threading.current_thread().daemon)
        yield OK
        released.wait()

    started = time.monotonic()
    found = run({"one": hanging, "other": fine}, aws, settings, deadline_seconds=0.2)
    released.set()
    assert time.monotonic() - started < 5
    assert keeps_us_from_ending == [False]
    before, late = found["one"]
    assert before == OK
    assert (late.verdict, late.what) == (Verdict.NOT_CHECKED, "no answer within 0.2 seconds")
    assert found["other"] == [OK]
