import copy
import time
from typing import Any

import pytest

from localcloud.emulator import speed
from localcloud.emulator.names import private

ARN = "arn:aws:states:us-east-1:000000000000:execution:gone:one"

ITEMS = [{"number": number} for number in range(3)]
STATE = {
    "Type": "Map",
    "Items": "{% $states.input %}",
    "ItemProcessor": {
        "StartAt": "Each",
        "States": {
            "Each": {
                "Type": "Pass",
                "Assign": {"mine": "{% $states.input.number %}"},
                "Output": "{% [$states.context.Execution.Input[0].number, $states.input.number] %}",
                "End": True,
            }
        },
    },
    "End": True,
}


class Counted(dict[str, Any]):
    """An input that counts its copies."""

    copies = 0

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        Counted.copies += 1
        return copy.deepcopy(dict(self), memo)


def run() -> tuple[Any, dict[str, Any]]:
    context = {
        "QueryLanguage": "JSONata",
        "Execution": {"Id": "arn", "Input": [Counted(item) for item in ITEMS]},
        "variables": {"mine": "the Map's"},
    }
    output, _ = private(speed.RUN_ITEMS)(STATE, ITEMS, {}, context)
    return output, context


@pytest.fixture(autouse=True)
def undone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo at the end what makes ministack faster."""
    module, _, name = speed.RUN_ITEMS.partition(":")
    monkeypatch.setattr(f"{module}.{name}", private(speed.RUN_ITEMS))
    execution = private(speed.RUN)
    monkeypatch.setattr(execution, "__code__", execution.__code__)


def test_the_input_of_the_execution_is_not_copied_for_each_item(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Counted, "copies", 0)
    before = run()[0]
    assert Counted.copies == len(ITEMS) ** 2

    speed.hasten()
    Counted.copies = 0
    output, context = run()

    assert Counted.copies == 0
    assert output == before == [[0, 0], [0, 1], [0, 2]]
    assert context["variables"] == {"mine": "the Map's"}, "what items assign is theirs"


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
        private(speed.RUN)(ARN)
    assert execution["error"] == "StateMachineDeleted"
    return slept


def test_an_execution_begins_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sleeps_of_an_execution(monkeypatch) == [speed.WAIT_SECONDS]

    speed.hasten()

    assert sleeps_of_an_execution(monkeypatch) == [0]
