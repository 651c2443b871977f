"""Contract tests of a Map Run's children; each fails without its repair."""

import time
from typing import Any

import pytest

from localcloud.launcher import LocalCloud
from tests.local.localcloud.repairs.distributed_map import distributed, failing, machine, task
from tests.local.waiting import wait


class TestChildren:
    @pytest.mark.parametrize("kind", ["EXPRESS", "STANDARD"])
    def test_only_standard_children_keep_their_data(
        self, cloud: LocalCloud, execute: Any, map_run: Any, functions: Any, kind: str
    ) -> None:
        function = functions.python("def handler(event, context):\n    return event\n")
        arguments = {"FunctionName": function, "Payload": "{% $states.input %}"}
        each = task("lambda:invoke", arguments, Output="{% $states.result.Payload %}")
        state = distributed(each, Items="{% $states.input %}")
        state["ItemProcessor"]["ProcessorConfig"]["ExecutionType"] = kind

        run = map_run(execute(machine(state), ["a"]))

        client = cloud.client("stepfunctions")
        (child,) = client.list_executions(mapRunArn=run["mapRunArn"])["executions"]
        described = client.describe_execution(executionArn=child["executionArn"])
        history = client.get_execution_history(executionArn=child["executionArn"])["events"]
        assert described["status"] == "SUCCEEDED"
        assert described["inputDetails"]["included"] == (kind == "STANDARD")
        assert ("input" in described, bool(history)) == ((kind == "STANDARD"),) * 2

    def test_no_more_than_64_at_a_time(self, cloud: LocalCloud, start: Any) -> None:
        client = cloud.client("stepfunctions")
        each = {"Type": "Wait", "Seconds": 3, "End": True}
        state = distributed(each, Items="{% [1..70] %}", MaxConcurrency=1000)
        execution = start(machine(state), {})

        (run,) = wait(lambda: client.list_map_runs(executionArn=execution)["mapRuns"])
        arn = run["mapRunArn"]

        def running() -> int:
            counts = client.describe_map_run(mapRunArn=arn)["executionCounts"]
            return int(counts["running"])

        wait(lambda: running() >= 64)
        time.sleep(0.3)  # for more of them, if there were
        assert running() == 64
        client.stop_execution(executionArn=execution)

    def test_too_many_failures_end_the_others(self, cloud: LocalCloud, start: Any) -> None:
        client = cloud.client("stepfunctions")
        state = failing("bad")
        state["ItemProcessor"]["States"] |= {
            "Pass": {"Type": "Wait", "Seconds": 1, "Next": "After"},
            "After": task("sns:publish", {"TopicArn": "none", "Message": "never"}),
        }

        execution = start(machine(state), ["good", "bad"])

        wait(lambda: client.describe_execution(executionArn=execution)["status"] == "FAILED")
        (run,) = client.list_map_runs(executionArn=execution)["mapRuns"]
        counts = client.describe_map_run(mapRunArn=run["mapRunArn"])["itemCounts"]
        assert (counts["failed"], counts["aborted"]) == (1, 1)
