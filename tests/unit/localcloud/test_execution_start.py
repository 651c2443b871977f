import time
from typing import Any

import pytest

from localcloud.emulator.names import PrivateNameError, private
from localcloud.emulator.repairs import execution_start

ARN = "arn:aws:states:us-east-1:000000000000:execution:gone:one"


def sleeps_of_an_execution(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long ministack waits in an execution whose state machine has no states to wait in."""
    execution: dict[str, Any] = {
        "executionArn": ARN,
        "stateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:gone",
        "name": "one",
        "status": "RUNNING",
        "events": [],
        "sync": True,
    }
    slept: list[float] = []
    with monkeypatch.context() as patch:
        patch.setitem(private("ministack.services.stepfunctions:_executions"), ARN, execution)
        patch.setattr(time, "sleep", slept.append)
        private(execution_start.RUN)(ARN)
    assert execution["error"] == "StateMachineDeleted"
    return slept


def test_an_execution_begins_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    run = private(execution_start.RUN)
    monkeypatch.setattr(run, "__code__", run.__code__)
    assert sleeps_of_an_execution(monkeypatch) == [execution_start.WAIT_SECONDS]

    execution_start.repair()

    assert sleeps_of_an_execution(monkeypatch) == [0]


def test_another_wait_than_the_known_one_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution_start, "WAIT_SECONDS", 0.16)

    with pytest.raises(PrivateNameError, match=r"_run_execution with the constant 0\.16"):
        execution_start.repair()
