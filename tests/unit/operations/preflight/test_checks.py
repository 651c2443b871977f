import threading
import time
from collections.abc import Iterator
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.parsers import ResponseParserError

from operations.preflight.checks import CHECKS, Check, run
from operations.preflight.clients import Aws
from operations.preflight.findings import Finding, Verdict
from settings import Settings
from tests.unit.operations.preflight.conftest import Stub, deny, settings_with, stack_with

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
        (client_error("400", ""), "ListServiceQuotas: HTTP 400: no answer from AWS; emulators"),
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


MODEL = {"initial_model_data_url": "s3://bucket/model.tar.gz"}
NUMBERS = {"sms": ["+15550100000"], "sqs": ["arn:aws:sqs:eu-west-1:123456789012:alerts"]}


@pytest.mark.parametrize("name", sorted(CHECKS.keys() - {"credentials", "region", "algorithm"}))
def test_a_refusal_by_aws_is_no_answer(
    name: str, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "botocore.client.BaseClient._make_api_call",
        Mock(side_effect=client_error("AccessDeniedException", "not authorized")),
    )

    settings = settings_with(training=MODEL, notifications=NUMBERS)
    (finding,) = run({name: CHECKS[name]}, aws, settings)[name]

    assert finding.verdict is Verdict.NOT_CHECKED


def test_a_refusal_to_read_the_manifest_is_no_answer(aws: Aws, stub: Stub) -> None:
    stack_with(stub("cloudformation"), "Scones-dev-Storage", DataBucketName="data")
    stub("ssm").add_response("get_parameter", {"Parameter": {"Value": "datasets/abc"}})
    deny(stub("s3"), "get_object")

    (finding,) = run({"data": CHECKS["staged data"]}, aws, settings_with())["data"]

    assert finding.verdict is Verdict.NOT_CHECKED


@pytest.mark.parametrize("name", ["bootstrap", "algorithm"])
def test_without_a_region_nothing_is_checked(
    name: str, aws: Aws, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")

    (finding,) = run({name: CHECKS[name]}, aws, settings)[name]

    assert finding.verdict is Verdict.NOT_CHECKED
