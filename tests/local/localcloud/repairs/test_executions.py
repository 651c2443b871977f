"""Contract tests of the repairs of executions; each fails without its repair."""

import time
from typing import Any

from localcloud.launcher import LocalCloud
from tests.local.waiting import wait

LIMIT = 262_144


def _returning(size: int) -> str:
    # A JSON string of that many bytes, with its two quotation marks.
    return f"def handler(event, context):\n    return 'x' * ({size} - 2)\n"


def test_a_result_of_exactly_256_kib_passes(functions: Any, execute: Any) -> None:
    function = functions.python(_returning(LIMIT))
    machine = {
        "StartAt": "Large",
        "States": {"Large": {"Type": "Task", "Resource": function, "End": True}},
    }

    assert execute(machine, {})["status"] == "SUCCEEDED"


def test_half_a_surrogate_pair_has_a_size_too(execute: Any) -> None:
    machine = {"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}}

    assert execute(machine, "\ud800.png")["status"] == "SUCCEEDED"


def test_a_larger_result_fails_and_its_name_or_all_catches_it(functions: Any, execute: Any) -> None:
    function = functions.python(_returning(LIMIT + 1))

    def machine(caught: str) -> dict[str, Any]:
        catch = [{"ErrorEquals": [caught], "Next": "Caught"}]
        return {
            "StartAt": "Large",
            "States": {
                "Large": {"Type": "Task", "Resource": function, "Catch": catch, "End": True},
                "Caught": {"Type": "Succeed"},
            },
        }

    by_failure = execute(machine("States.TaskFailed"), {})
    assert by_failure["status"] == "FAILED"
    assert by_failure["error"] == "States.DataLimitExceeded"
    for caught in ("States.ALL", "States.DataLimitExceeded"):
        assert execute(machine(caught), {})["status"] == "SUCCEEDED"


def test_the_collected_results_of_a_map_count_as_one_output(functions: Any, execute: Any) -> None:
    function = functions.python(_returning(100_000))
    each = {"Type": "Task", "Resource": function, "End": True}
    machine = {
        "StartAt": "All",
        "States": {
            "All": {
                "Type": "Map",
                "ItemProcessor": {"StartAt": "Each", "States": {"Each": each}},
                "End": True,
            }
        },
    }

    assert execute(machine, [1, 2])["status"] == "SUCCEEDED"
    result = execute(machine, [1, 2, 3])
    assert (result["status"], result["error"]) == ("FAILED", "States.DataLimitExceeded")


def test_the_states_of_each_item_are_named(cloud: LocalCloud, execute: Any) -> None:
    inner = {
        "StartAt": "First",
        "States": {"First": {"Type": "Pass", "Next": "Last"}, "Last": {"Type": "Succeed"}},
    }
    each = {
        "StartAt": "Each",
        "States": {
            "Each": {"Type": "Map", "ItemProcessor": inner, "MaxConcurrency": 1, "End": True}
        },
    }
    machine = {
        "StartAt": "All",
        "States": {
            "All": {"Type": "Map", "ItemProcessor": each, "MaxConcurrency": 1, "Next": "Done"},
            "Done": {"Type": "Succeed"},
        },
    }

    result = execute(machine, [[1, 2], [3]])

    assert result["status"] == "SUCCEEDED", result
    history = cloud.client("stepfunctions").get_execution_history(
        executionArn=result["executionArn"]
    )
    entered = [
        (event["type"], event["stateEnteredEventDetails"]["name"])
        for event in history["events"]
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
    task = {"Type": "Task", "Resource": function, "End": True}
    execution = start({"StartAt": "Slow", "States": {"Slow": task}}, {})

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
    execution = start(
        {
            "QueryLanguage": "JSONata",
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
