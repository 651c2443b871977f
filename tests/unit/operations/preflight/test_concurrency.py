from typing import Any

import pytest
from botocore.exceptions import ClientError

from operations.preflight.clients import Aws
from operations.preflight.concurrency import concurrency
from operations.preflight.findings import Finding, Verdict
from settings import Settings
from tests.unit.operations.preflight.conftest import Stub, deny, settings_with

REQUEST = (
    "aws service-quotas request-service-quota-increase --service-code lambda "
    "--quota-code L-B99A9384 --desired-value {} --region eu-west-1; until it is granted, "
)


@pytest.fixture
def settings() -> Settings:
    return settings_with(workflow={"max_concurrency": 40}, bulk={"max_concurrency": 20})


def account(stub: Stub, total: int, *, free: int | None = None) -> None:
    limit = {
        "ConcurrentExecutions": total,
        "UnreservedConcurrentExecutions": total if free is None else free,
    }
    stub("lambda").add_response("get_account_settings", {"AccountLimit": limit}, {})


def test_a_usual_account_is_ok(aws: Aws, settings: Settings, stub: Stub) -> None:
    account(stub, 1000)
    assert list(concurrency(aws, settings)) == [
        Finding(
            Verdict.OK,
            "1000 function calls at a time in eu-west-1; workflow.max_concurrency = 40 and "
            "bulk.max_concurrency = 20 need 60",
        )
    ]


def test_a_new_account_is_told_what_ten_mean(aws: Aws, settings: Settings, stub: Stub) -> None:
    account(stub, 10)
    (finding,) = concurrency(aws, settings)
    assert finding.verdict is Verdict.NOTE
    assert finding.what.startswith(
        "10 function calls at a time in eu-west-1, enough to deploy; workflow.max_concurrency = "
        "40 and bulk.max_concurrency = 20 start up to 60. Lambda throttles the rest"
    )
    assert finding.remedy == (
        REQUEST.format(1000) + "workflow.max_concurrency + bulk.max_concurrency of at most 10"
    )


@pytest.mark.parametrize(
    ("sections", "verdict"),
    [
        ({"workflow": {"max_concurrency": 6}, "bulk": {"max_concurrency": 4}}, Verdict.OK),
        ({"workflow": {"max_concurrency": 6}, "bulk": {"max_concurrency": 5}}, Verdict.NOTE),
        ({"workflow": {"max_concurrency": 10}, "endpoint": {"enabled": False}}, Verdict.OK),
        ({"workflow": {"max_concurrency": 11}, "endpoint": {"enabled": False}}, Verdict.NOTE),
    ],
)
def test_the_settings_together_must_fit(
    aws: Aws, stub: Stub, sections: dict[str, Any], verdict: Verdict
) -> None:
    account(stub, 10)
    (finding,) = concurrency(aws, settings_with(**sections))
    assert finding.verdict is verdict
    assert ("bulk" in finding.what) is ("bulk" in sections)


def test_what_other_functions_reserve_is_not_there_for_ours(
    aws: Aws, settings: Settings, stub: Stub
) -> None:
    account(stub, 1000, free=50)
    (finding,) = concurrency(aws, settings)
    assert finding.verdict is Verdict.NOTE
    assert finding.what.startswith(
        "50 function calls at a time in eu-west-1 (950 more are reserved), enough to deploy"
    )
    assert finding.remedy.startswith(REQUEST.format(1010))


def test_a_refusal_is_no_answer(aws: Aws, settings: Settings, stub: Stub) -> None:
    deny(stub("lambda"), "get_account_settings")
    with pytest.raises(ClientError):
        list(concurrency(aws, settings))
