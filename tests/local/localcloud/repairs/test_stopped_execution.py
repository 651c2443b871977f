"""Contract tests of StopExecution; each fails without its repair."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from localcloud.launcher import LocalCloud

ROLE = "arn:aws:iam::000000000000:role/any"

Start = Callable[[dict[str, Any], Any], str]


@pytest.fixture
def start(cloud: LocalCloud) -> Iterator[Start]:
    """Starts a state machine definition on an input; gives the ARN of the execution."""
    client = cloud.client("stepfunctions")
    machines: list[str] = []

    def create_and_start(definition: dict[str, Any], data: Any) -> str:
        machine = client.create_state_machine(
            name=f"m-{uuid.uuid4().hex[:12]}", definition=json.dumps(definition), roleArn=ROLE
        )["stateMachineArn"]
        machines.append(machine)
        execution = client.start_execution(stateMachineArn=machine, input=json.dumps(data))
        return str(execution["executionArn"])

    yield create_and_start
    for machine in machines:
        client.delete_state_machine(stateMachineArn=machine)


def eventually(look: Callable[[], Any]) -> Any:
    """The first result of `look` that is true."""
    deadline = time.monotonic() + 30
    while not (found := look()):
        assert time.monotonic() < deadline, "did not happen within 30 s"
        time.sleep(0.05)
    return found


def test_a_task_that_fails_after_the_stop_leaves_the_execution_aborted(
    cloud: LocalCloud, start: Start, functions: Any
) -> None:
    client = cloud.client("stepfunctions")
    function = functions.python(
        "import time\n\ndef handler(event, context):\n    time.sleep(1)\n    raise ValueError\n"
    )
    task = {"Type": "Task", "Resource": function, "End": True}
    execution = start({"StartAt": "Slow", "States": {"Slow": task}}, {})

    def happened(event: str) -> bool:
        events = client.get_execution_history(executionArn=execution)["events"]
        return event in [each["type"] for each in events]

    eventually(lambda: happened("TaskScheduled"))
    client.stop_execution(executionArn=execution)
    eventually(lambda: happened("TaskFailed"))
    time.sleep(0.1)

    assert client.describe_execution(executionArn=execution)["status"] == "ABORTED"


def test_a_distributed_map_starts_no_more_children_and_they_no_more_tasks(
    cloud: LocalCloud, start: Start, functions: Any
) -> None:
    client = cloud.client("stepfunctions")
    function = functions.python("def handler(event, context):\n    raise ValueError\n")
    execution = start(
        {
            "StartAt": "All",
            "States": {
                "All": {
                    "Type": "Map",
                    "MaxConcurrency": 1,
                    "ItemProcessor": {
                        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                        "StartAt": "Wait",
                        "States": {
                            "Wait": {"Type": "Wait", "Seconds": 1, "Next": "Task"},
                            "Task": {
                                "Type": "Task",
                                "Resource": function,
                                "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 9}],
                                "End": True,
                            },
                        },
                    },
                    "End": True,
                }
            },
        },
        [1, 2, 3],
    )

    (run,) = eventually(lambda: client.list_map_runs(executionArn=execution)["mapRuns"])
    arn = run["mapRunArn"]
    (child,) = eventually(lambda: client.list_executions(mapRunArn=arn)["executions"])
    client.stop_execution(executionArn=execution)
    eventually(lambda: client.describe_map_run(mapRunArn=arn)["status"] == "ABORTED")

    assert client.describe_execution(executionArn=execution)["status"] == "ABORTED"
    counts = client.describe_map_run(mapRunArn=arn)["itemCounts"]
    assert (counts["aborted"], counts["pending"], counts["running"]) == (1, 2, 0)
    history = client.get_execution_history(executionArn=child["executionArn"])["events"]
    assert "TaskScheduled" not in [event["type"] for event in history]
