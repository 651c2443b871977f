"""An AWS that answers what a test tells it to; botocore checks both requests and responses."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Protocol

import pytest
from botocore.stub import Stubber

from operations.preflight.clients import Aws
from operations.preflight.findings import Finding, Verdict
from settings import Settings
from settings.loader import validate

REGION = "eu-west-1"
ACCOUNT = "123456789012"


class Stub(Protocol):
    """Return the stubber of a service, in the region of the session or in another one."""

    def __call__(self, service: str, *, region: str | None = None) -> Stubber: ...


Find = Callable[..., list[Finding]]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials that no AWS accepts, and a region."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def aws() -> Aws:
    return Aws()


@pytest.fixture
def find(aws: Aws, settings: Settings) -> Find:
    """`find(quotas)` runs a check; with `training={...}` on other settings than the fixture's."""
    return lambda check, **sections: list(
        check(aws, settings_with(**sections) if sections else settings)
    )


@pytest.fixture
def stub(aws: Aws) -> Iterator[Stub]:
    """`stub("ssm")` takes the answers of a service in order; all of them must be asked for."""
    stubbers: dict[tuple[str, str | None], Stubber] = {}
    with ExitStack() as stack:

        def of(service: str, *, region: str | None = None) -> Stubber:
            key = service, region
            if key not in stubbers:
                client = aws.client(service, region=region)
                stubbers[key] = stack.enter_context(Stubber(client))
            return stubbers[key]

        yield of
        for stubber in stubbers.values():
            stubber.assert_no_pending_responses()


@pytest.fixture
def settings() -> Settings:
    return settings_with()


def settings_with(**sections: dict[str, Any]) -> Settings:
    """Settings of environment dev with the given sections."""
    return validate(sections, environment="dev", source="test")


def only(found: list[Finding], verdict: Verdict) -> Finding:
    """Return what was found: one thing, with this verdict."""
    (finding,) = found
    assert finding.verdict is verdict
    return finding


def deny(stubber: Stubber, operation: str) -> None:
    """AWS refuses the next call."""
    stubber.add_client_error(
        operation, "AccessDeniedException", "User: me is not authorized", http_status_code=400
    )


def stack_with(stubber: Stubber, stack: str, **outputs: str) -> None:
    """The next DescribeStacks finds the stack."""
    stubber.add_response(
        "describe_stacks",
        {
            "Stacks": [
                {
                    "StackName": stack,
                    "CreationTime": "2026-01-01",
                    "StackStatus": "CREATE_COMPLETE",
                    "Outputs": [
                        {"OutputKey": key, "OutputValue": value} for key, value in outputs.items()
                    ],
                }
            ]
        },
        {"StackName": stack},
    )


def stack_missing(stubber: Stubber, operation: str, stack: str) -> None:
    """Let the next call fail as CloudFormation does for a missing stack."""
    stubber.add_client_error(
        operation,
        "ValidationError",
        f"Stack with id {stack} does not exist",
        expected_params={"StackName": stack},
    )
