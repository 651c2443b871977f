from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.demo.acceptance import teardown
from settings import load

STACK = "Scones-acceptance-Inference"


class CloudFormation:
    """It says one status after the other, and stays with the last."""

    def __init__(self, *statuses: str) -> None:
        self.statuses = list(statuses)
        self.cancelled = 0
        self.asked = 0

    def describe_stacks(self, **_: Any) -> dict[str, Any]:
        self.asked += 1
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return {"Stacks": [{"StackStatus": status}]}

    def cancel_update_stack(self, **_: Any) -> None:
        self.cancelled += 1
        answer: Any = {"Error": {"Code": "ValidationError", "Message": "not in this status"}}
        raise ClientError(answer, "CancelUpdateStack")


def settled(monkeypatch: pytest.MonkeyPatch, *statuses: str) -> CloudFormation:
    client = CloudFormation(*statuses)
    session = SimpleNamespace(client=lambda _: client)
    monkeypatch.setattr(teardown, "session", lambda: session)
    monkeypatch.setattr(teardown, "existing_stacks", lambda _: [STACK])
    monkeypatch.setattr(teardown, "POLL_SECONDS", 0)
    teardown.settle(load("acceptance"), lambda _: None)
    return client


@pytest.mark.parametrize(
    "status",
    [
        *("CREATE_COMPLETE", "CREATE_IN_PROGRESS", "DELETE_FAILED", "REVIEW_IN_PROGRESS"),
        *("ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_FAILED"),
    ],
)
def test_what_can_be_deleted_is_not_waited_for(
    status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settled(monkeypatch, status).asked == 1


def test_an_update_is_cancelled_once_and_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    updating = ["UPDATE_IN_PROGRESS"] * 3
    rolling_back = ["UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"]
    client = settled(monkeypatch, *updating, *rolling_back)

    assert (client.asked, client.cancelled) == (5, 1)
