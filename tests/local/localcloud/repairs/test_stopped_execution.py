"""Contract tests of StopExecution; each fails without its repair."""

import time
from typing import Any

from localcloud.launcher import LocalCloud
from tests.local.localcloud.sagemaker.support import wait


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
