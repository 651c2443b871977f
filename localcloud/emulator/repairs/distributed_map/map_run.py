"""One Map Run: a bounded number of children at a time, counted, until all are done or one limit is.

A child is a separate execution: it sees its own context object and none of the variables of
the state machine around it (https://docs.aws.amazon.com/step-functions/latest/dg/
workflow-variables.html).
"""

import contextvars
import json
import threading
import uuid
from typing import Any

from localcloud.emulator.enforcement.judge import AccessDeniedError
from localcloud.emulator.enforcement.tasks import authorize_task
from localcloud.emulator.repairs.distributed_map.map_state import Batch, Document, MapState
from localcloud.emulator.repairs.distributed_map.results import results_of
from localcloud.emulator.repairs.executions import PARENT, check_size, has_ended

CHILD_DENIED = "Sfn.SfnException"
THRESHOLD_EXCEEDED = "States.ExceedToleratedFailureThreshold"

CHILDREN_AT_ONCE = 64
"""However large MaxConcurrency is: AWS runs up to 10,000, a laptop does not."""

COUNTS = (
    *("pending", "running", "succeeded", "failed", "timedOut", "aborted", "total"),
    *("resultsWritten", "failuresNotRedrivable", "pendingRedrive"),
)

ENDED = ("succeeded", "failed", "aborted")


class MapRun:
    """The children of one Distributed Map state, as DescribeMapRun reports them."""

    def __init__(self, state: MapState, processor: Document, execution: Document) -> None:
        """Prepare to run `processor` on the items of `state`, entered by `execution`."""
        self._state = state
        self._interpreter = state.interpreter
        self._processor = processor
        self._execution = execution
        self._tolerated_count = state.number("ToleratedFailureCount")
        self._tolerated_percentage = state.number("ToleratedFailurePercentage")
        self._concurrency = int(state.number("MaxConcurrency") or 0)

        items = state.items()
        self._batches = enumerate(state.batches(items))
        self._name = f"{execution['stateMachineArn'].rpartition(':')[2]}/{_label(state)}"
        self.record = self._new_record(len(items))
        self._results = results_of(state, self.record["mapRunArn"])
        self._interpreter.map_runs[self.record["mapRunArn"]] = self.record
        self._lock = threading.Lock()
        self._error: Exception | None = None

    @property
    def aborted(self) -> bool:
        """Return whether the execution around this run has been stopped."""
        return has_ended(self._execution)

    def run(self) -> Any:
        """Run all children, and return the result of the state.

        Raises:
            ministack's error: States.ExceedToleratedFailureThreshold, or a field of the state
            cannot be evaluated, an input is too large or the results cannot be written.
        """
        try:
            authorize_task("states:StartExecution", self._execution["stateMachineArn"])
        except AccessDeniedError as error:
            raise self._interpreter.error(CHILD_DENIED, str(error)) from error
        self._record_event("Started")
        threads = [
            threading.Thread(target=contextvars.copy_context().run, args=(self._work,), daemon=True)
            for _ in range(self._threads())
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        try:
            return self._conclude()
        except Exception as error:
            self._fail(error)
            self._record_event("Failed")
            raise
        finally:
            self.record["stopDate"] = self._interpreter.now()
            del self.record[PARENT]

    def _threads(self) -> int:
        most: int = min(CHILDREN_AT_ONCE, self.record["itemCounts"]["total"])
        return min(self._concurrency or most, most)

    def _conclude(self) -> Any:
        for index, batch in self._batches:
            self._results.add_pending(index, batch.input)
        result = self._results.finish()
        if self._results.written:
            self._count_written()
        if self.aborted:
            self.record["status"] = "ABORTED"
            self._record_event("Aborted")
            return result
        if self._error is not None:
            raise self._error
        check_size(result, "The result of the Map Run")
        self.record["status"] = "SUCCEEDED"
        self._record_event("Succeeded")
        return result

    def _fail(self, error: Exception) -> None:
        self._error = self._error or error
        self.record["status"] = "FAILED"

    def _work(self) -> None:
        while (numbered := self._next()) is not None:
            index, batch = numbered
            child = self._start(batch)
            self._run_child(child, batch)
            self._end(index, child, batch)

    def _next(self) -> tuple[int, Batch] | None:
        with self._lock:
            if has_ended(self.record):
                return None
            try:
                numbered = next(self._batches, None)
                if numbered is not None:
                    check_size(numbered[1].input, "The input of a child workflow execution")
                    self._count(numbered[1], "pending", "running")
            except Exception as error:
                # Of the state, not of a child; raised again by the state's own thread.
                self._fail(error)
                return None
            return numbered

    def _run_child(self, child: Document, batch: Batch) -> None:
        context = {
            "QueryLanguage": self._state.context.get("QueryLanguage", "JSONPath"),
            "Execution": {
                "Id": child["executionArn"],
                "Input": batch.input,
                "Name": child["name"],
                "StartTime": child["startDate"],
            },
            "StateMachine": {"Id": child["stateMachineArn"], "Name": self._name},
            "variables": {},
        }
        states, start = self._processor["States"], self._processor["StartAt"]
        try:
            output = self._interpreter.run_states(states, start, batch.input, child, context)
            child.update(status="SUCCEEDED", output=json.dumps(output))
        except Exception as error:
            # Whatever a child raises is that child's outcome.
            name = getattr(error, "error", "States.Runtime")
            child.update(status="FAILED", error=name, cause=getattr(error, "cause", str(error)))
        if has_ended(self.record):
            child.update(status="ABORTED", output=None, error=None, cause=None)

    def _start(self, batch: Batch) -> Document:
        name = str(uuid.uuid4())
        child = {
            "executionArn": self._arn("execution", name),
            "stateMachineArn": self.record["_stateMachineArn"],
            "mapRunArn": self.record["mapRunArn"],
            "name": name,
            "status": "RUNNING",
            "startDate": self._interpreter.now(),
            "stopDate": None,
            "input": json.dumps(batch.input),
            "output": None,
            "events": [],
            "testCase": self._execution.get("testCase"),
            "mockAttempts": {},
            PARENT: self.record,
        }
        self._interpreter.executions[child["executionArn"]] = child
        return child

    def _end(self, index: int, child: Document, batch: Batch) -> None:
        child["stopDate"] = self._interpreter.now()
        del child[PARENT]
        with self._lock:
            self._results.add(index, child)
            self._count(batch, "running", child["status"].lower())
            if self._too_many_failed():
                cause = "The specified tolerated failure threshold was exceeded"
                self._fail(self._interpreter.error(THRESHOLD_EXCEEDED, cause))
        if self._processor["ProcessorConfig"].get("ExecutionType") == "EXPRESS":
            _forget(child)

    def _count(self, batch: Batch, before: str, after: str) -> None:
        executions, items = self.record["executionCounts"], self.record["itemCounts"]
        if after == "running":
            executions["total"] += 1
        else:
            executions[before] -= 1
        executions[after] += 1
        items[before] -= batch.items
        items[after] += batch.items

    def _count_written(self) -> None:
        for counts in (self.record["executionCounts"], self.record["itemCounts"]):
            counts["resultsWritten"] = sum(counts[end] for end in ENDED)

    def _too_many_failed(self) -> bool:
        items = self.record["itemCounts"]
        count, percentage = self._tolerated_count, self._tolerated_percentage
        if percentage is not None and items["failed"] * 100 > percentage * items["total"]:
            return True
        if count is None and percentage is not None:
            return False
        return bool(items["failed"] > (count or 0))

    def _new_record(self, items: int) -> Document:
        zero = dict.fromkeys(COUNTS, 0)
        return {
            "mapRunArn": self._arn("mapRun", str(uuid.uuid4())),
            "executionArn": self._execution["executionArn"],
            "status": "RUNNING",
            "startDate": self._interpreter.now(),
            "maxConcurrency": self._concurrency,
            "toleratedFailurePercentage": self._tolerated_percentage or 0.0,
            "toleratedFailureCount": int(self._tolerated_count or 0),
            "itemCounts": {**zero, "total": items, "pending": items},
            "executionCounts": zero,
            "redriveCount": 0,
            "_stateMachineArn": self._arn("stateMachine"),
            PARENT: self._execution,
        }

    def _arn(self, *resource: str) -> str:
        prefix = self._execution["stateMachineArn"].split(":")[:5]
        kind, *identity = resource
        return ":".join([*prefix, kind, self._name, *identity])

    def _record_event(self, what: str) -> None:
        details: Document = {}
        if what == "Started":
            details = {"mapRunStartedEventDetails": {"mapRunArn": self.record["mapRunArn"]}}
        if what == "Failed":
            details = {
                "mapRunFailedEventDetails": {
                    "error": getattr(self._error, "error", "States.Runtime"),
                    "cause": getattr(self._error, "cause", str(self._error)),
                }
            }
        self._interpreter.add_event(self._execution, f"MapRun{what}", details)


def _label(state: MapState) -> str:
    return str(state.definition.get("Label") or uuid.uuid4())


def _forget(child: Document) -> None:
    # An Express execution has no history on AWS; its payloads are in the results.
    child["events"].clear()
    child.update(input=None, output=None)
    child.update(inputDetails={"included": False}, outputDetails={"included": False})
