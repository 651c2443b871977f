"""Contract tests of the Distributed Map's fields; each fails without its repair."""

import json
from typing import Any

import pytest

from tests.local.localcloud.repairs.distributed_map import (
    distributed,
    failing,
    machine,
    output,
    writer,
)

LIMIT = 262_144


class TestBatches:
    def test_a_child_gets_at_most_so_many_items(self, execute: Any, map_run: Any) -> None:
        state = distributed(
            Items="{% $states.input.items %}",
            ItemBatcher={
                "MaxItemsPerBatch": "{% $states.input.most %}",
                "BatchInput": {"threshold": "{% $states.input.threshold %}", "fixed": True},
            },
        )

        result = execute(machine(state), {"items": [1, 2, 3, 4, 5], "most": 2, "threshold": 0.9})

        given = {"threshold": 0.9, "fixed": True}
        assert output(result) == [
            {"BatchInput": given, "Items": [1, 2]},
            {"BatchInput": given, "Items": [3, 4]},
            {"BatchInput": given, "Items": [5]},
        ]
        run = map_run(result)
        assert (run["itemCounts"]["total"], run["itemCounts"]["succeeded"]) == (5, 5)
        assert (run["executionCounts"]["total"], run["executionCounts"]["succeeded"]) == (3, 3)
        assert run["itemCounts"]["pending"] == run["executionCounts"]["running"] == 0

    def test_a_child_gets_at_most_so_many_bytes(self, execute: Any) -> None:
        items = ["ä" * 10] * 5
        limit = len(json.dumps({"Items": items[:2]}, ensure_ascii=False, separators=(",", ":")))
        limit += 20  # an ä has two bytes
        state = distributed(
            Items="{% $states.input %}", ItemBatcher={"MaxInputBytesPerBatch": limit}
        )

        batches = output(execute(machine(state), items))

        assert [len(batch["Items"]) for batch in batches] == [2, 2, 1]


def _owned(state: dict[str, Any], **others: dict[str, Any]) -> dict[str, Any]:
    own = {"Type": "Pass", "Assign": {"owner": "me"}, "Next": "All"}
    return machine(state, Own=own, **others) | {"StartAt": "Own"}


class TestJsonata:
    def test_fields_of_the_state(self, execute: Any, map_run: Any) -> None:
        state = distributed(
            Items="{% $states.input.items %}",
            ItemSelector={
                "name": "{% $states.context.Map.Item.Value %}",
                "index": "{% $states.context.Map.Item.Index %}",
                "owner": "{% $owner %}",
            },
            MaxConcurrency="{% $states.input.most %}",
            ToleratedFailurePercentage="{% 10 + 5 %}",
            ToleratedFailureCount="{% 1 + 1 %}",
            Assign={"names": "{% $states.result.name %}"},
            Output={"count": "{% $count($states.result) %}"},
            Next="Told",
        )
        del state["End"]
        told = {"count": "{% $states.input.count %}", "names": "{% $names %}"}
        definition = _owned(state, Told={"Type": "Pass", "Output": told, "End": True})

        result = execute(definition, {"items": ["a", "b"], "most": 3})

        assert output(result) == {"count": 2, "names": ["a", "b"]}
        run = map_run(result)
        assert run["maxConcurrency"] == 3
        assert (run["toleratedFailurePercentage"], run["toleratedFailureCount"]) == (15, 2)

    def test_a_child_is_an_execution_of_its_own(self, execute: Any) -> None:
        each = {
            "Type": "Pass",
            "Output": {
                "input": "{% $states.context.Execution.Input %}",
                "variable": "{% $exists($owner) %}",
                "map": "{% $exists($states.context.Map) %}",
            },
            "End": True,
        }
        definition = _owned(distributed(each, Items="{% $states.input %}"))

        assert output(execute(definition, ["a"])) == [
            {"input": "a", "variable": False, "map": False}
        ]

    def test_an_expression_that_cannot_be_evaluated_fails_the_state(self, execute: Any) -> None:
        state = distributed(Items="{% $states.input %}", ItemSelector="{% $no.such.thing %}")

        result = execute(machine(state), [1])

        assert (result["status"], result["error"]) == ("FAILED", "States.QueryEvaluationError")


class TestToleratedFailures:
    @pytest.mark.parametrize(("percentage", "status"), [(25, "SUCCEEDED"), (24, "FAILED")])
    def test_a_percentage_of_the_items(
        self, execute: Any, map_run: Any, percentage: int, status: str
    ) -> None:
        result = execute(
            machine(failing("bad", ToleratedFailurePercentage=percentage)), ["a", "b", "bad", "c"]
        )

        assert result["status"] == status
        run = map_run(result)
        assert (run["status"], run["itemCounts"]["failed"]) == (status, 1)

    def test_all_items_of_a_failed_batch_have_failed(self, execute: Any, map_run: Any) -> None:
        state = distributed(
            {"Type": "Fail", "Error": "Broken"},
            Items="{% $states.input %}",
            ItemBatcher={"MaxItemsPerBatch": 2},
            ToleratedFailureCount=3,
            MaxConcurrency=1,
        )

        result = execute(machine(state), [1, 2, 3, 4, 5, 6])

        assert result["error"] == "States.ExceedToleratedFailureThreshold"
        run = map_run(result)
        assert (run["itemCounts"]["failed"], run["executionCounts"]["failed"]) == (4, 2)
        assert run["itemCounts"]["pending"] == 2

    def test_a_tolerated_failure_is_told_among_the_results(self, execute: Any) -> None:
        result = execute(machine(failing("bad", ToleratedFailureCount=1)), ["bad", "good"])

        failed, good = output(result)
        assert (failed["Status"], failed["Error"], failed["Input"]) == ("FAILED", "Broken", '"bad"')
        assert good == "good"


class TestSizes:
    def test_the_input_of_a_child(self, execute: Any) -> None:
        state = distributed(
            {"Type": "Pass", "Output": "small", "End": True},
            Items="{% [1..3].$states.input %}",
            ItemBatcher={"MaxItemsPerBatch": "{% $states.context.Execution.Input.most %}"},
        )
        half = "x" * (LIMIT // 2)

        assert execute(machine(state), {"most": 1, "item": half})["status"] == "SUCCEEDED"
        assert execute(machine(state), {"most": 2, "item": half})["error"] == (
            "States.DataLimitExceeded"
        )

    def test_the_results_unless_they_are_written_to_s3(self, execute: Any, bucket: str) -> None:
        state = distributed(Items="{% [1..3].$states.input %}", Output="small")
        third = "x" * (LIMIT // 3)

        assert execute(machine(state), third)["error"] == "States.DataLimitExceeded"
        state["ResultWriter"] = writer(bucket)
        assert execute(machine(state), third)["status"] == "SUCCEEDED"
