"""Contract tests of the repairs of executions; each fails without its repair."""

import time
from typing import Any

from localcloud.launcher import LocalCloud
from tests.local.localcloud.repairs.distributed_map import ECHO, distributed, machine
from tests.local.waiting import wait

LIMIT = 262_144


def _returning(size: int) -> str:
    # A JSON string of that many bytes, with its two quotation marks.
    return f"def handler(event, context):\n    return 'x' * ({size} - 2)\n"


def _machine(**states: dict[str, Any]) -> dict[str, Any]:
    """A state machine in JSONPath that enters the first state first."""
    return {"StartAt": next(iter(states)), "States": states}


def _task(function: str, **fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": function, "End": True, **fields}


def _map(each: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"Type": "Map", "ItemProcessor": each, **(fields or {"End": True})}


def test_a_result_of_exactly_256_kib_passes(functions: Any, execute: Any) -> None:
    large = _machine(Large=_task(functions.python(_returning(LIMIT))))

    assert execute(large, {})["status"] == "SUCCEEDED"


def test_half_a_surrogate_pair_has_a_size_too(execute: Any) -> None:
    assert execute(_machine(Pass=ECHO), "\ud800.png")["status"] == "SUCCEEDED"


def test_a_larger_result_fails_and_its_name_or_all_catches_it(functions: Any, execute: Any) -> None:
    function = functions.python(_returning(LIMIT + 1))

    def catching(caught: str) -> dict[str, Any]:
        catch = [{"ErrorEquals": [caught], "Next": "Caught"}]
        return _machine(Large=_task(function, Catch=catch), Caught={"Type": "Succeed"})

    by_failure = execute(catching("States.TaskFailed"), {})
    assert by_failure["status"] == "FAILED"
    assert by_failure["error"] == "States.DataLimitExceeded"
    for caught in ("States.ALL", "States.DataLimitExceeded"):
        assert execute(catching(caught), {})["status"] == "SUCCEEDED"


def test_the_collected_results_of_a_map_count_as_one_output(functions: Any, execute: Any) -> None:
    each = _machine(Each=_task(functions.python(_returning(100_000))))
    all_ = _machine(All=_map(each))

    assert execute(all_, [1, 2])["status"] == "SUCCEEDED"
    result = execute(all_, [1, 2, 3])
    assert (result["status"], result["error"]) == ("FAILED", "States.DataLimitExceeded")


def test_the_states_of_each_item_are_named(cloud: LocalCloud, execute: Any) -> None:
    inner = _machine(First={"Type": "Pass", "Next": "Last"}, Last={"Type": "Succeed"})
    each = _machine(Each=_map(inner, MaxConcurrency=1, End=True))
    all_ = _machine(All=_map(each, MaxConcurrency=1, Next="Done"), Done={"Type": "Succeed"})

    result = execute(all_, [[1, 2], [3]])

    assert result["status"] == "SUCCEEDED", result
    client = cloud.client("stepfunctions")
    history = client.get_execution_history(executionArn=result["executionArn"])["events"]
    entered = [
        (event["type"], event["stateEnteredEventDetails"]["name"])
        for event in history
        if event["type"].endswith("StateEntered")
    ]
    picture = [("PassStateEntered", "First"), ("SucceedStateEntered", "Last")]
    map_ = ("MapStateEntered", "Each")
    assert entered == [
        ("MapStateEntered", "All"),
        *(map_, *picture, *picture),
        *(map_, *picture),
        ("SucceedStateEntered", "Done"),
    ]


def test_a_task_that_fails_after_the_stop_leaves_the_execution_aborted(
    cloud: LocalCloud, start: Any, functions: Any
) -> None:
    client = cloud.client("stepfunctions")
    function = functions.python(
        "import time\n\ndef handler(event, context):\n    time.sleep(1)\n    raise ValueError\n"
    )
    execution = start(_machine(Slow=_task(function)), {})

    def happened(event: str) -> bool:
        events = client.get_execution_history(executionArn=execution)["events"]
        return event in [each["type"] for each in events]

    wait(lambda: happened("TaskScheduled"))
    client.stop_execution(executionArn=execution)
    wait(lambda: happened("TaskFailed"))
    time.sleep(0.1)

    assert client.describe_execution(executionArn=execution)["status"] == "ABORTED"


def test_a_distributed_map_starts_no_more_children_and_they_no_more_tasks(
    cloud: LocalCloud, start: Any, functions: Any
) -> None:
    client = cloud.client("stepfunctions")
    function = functions.python("def handler(event, context):\n    raise ValueError\n")
    state = distributed(MaxConcurrency=1)
    state["ItemProcessor"] = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        **_machine(
            Wait={"Type": "Wait", "Seconds": 1, "Next": "Task"},
            Task=_task(function, Retry=[{"ErrorEquals": ["States.ALL"], "MaxAttempts": 9}]),
        ),
    }
    execution = start(machine(state), [1, 2, 3])

    (run,) = wait(lambda: client.list_map_runs(executionArn=execution)["mapRuns"])
    arn = run["mapRunArn"]
    (child,) = wait(lambda: client.list_executions(mapRunArn=arn)["executions"])
    client.stop_execution(executionArn=execution)
    wait(lambda: client.describe_map_run(mapRunArn=arn)["status"] == "ABORTED")

    assert client.describe_execution(executionArn=execution)["status"] == "ABORTED"
    counts = client.describe_map_run(mapRunArn=arn)["itemCounts"]
    assert (counts["aborted"], counts["pending"], counts["running"]) == (1, 2, 0)
    history = client.get_execution_history(executionArn=child["executionArn"])["events"]
    assert "TaskScheduled" not in [event["type"] for event in history]
