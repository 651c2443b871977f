"""In-memory AWS whose answers a test may replace."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.client import BaseClient
from moto import mock_aws

Answers = dict[str, Callable[[dict[str, Any]], Any]]


@pytest.fixture
def stacks() -> list[dict[str, str]]:
    """Stack summaries that ListStacks gives."""
    return [
        {"StackName": "Scones-dev-Storage", "StackStatus": "DELETE_COMPLETE"},
        {"StackName": "Scones-dev2-Storage", "StackStatus": "CREATE_COMPLETE"},
        {"StackName": "CDKToolkit", "StackStatus": "CREATE_COMPLETE"},
    ]


@pytest.fixture
def answers(stacks: list[dict[str, str]]) -> Answers:
    """What takes the arguments of an operation and answers it, in place of moto."""
    # moto's CloudFormation needs packages that nothing else here does.
    return {"ListStacks": lambda _: {"StackSummaries": stacks}}


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch, answers: Answers) -> Iterator[None]:
    """An empty account; clients made from the environment reach it."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    call = vars(BaseClient)["_make_api_call"]

    def answer(client: BaseClient, operation: str, arguments: dict[str, Any]) -> Any:
        if operation in answers:
            return answers[operation](arguments)
        return call(client, operation, arguments)

    with mock_aws():
        monkeypatch.setattr(BaseClient, "_make_api_call", answer)
        yield
