"""Limits the data of an execution, completes its history, and stops it as AWS does."""

import copy
import json
from typing import Any

from localcloud.emulator.names import Function, around, private

LIMIT_BYTES = 262_144
DATA_LIMIT_EXCEEDED = "States.DataLimitExceeded"

MODULE = "ministack.services.stepfunctions"

PARENT = "_parent"
"""Key of what ends with another: a Map Run with its execution, a child with its Map Run."""

Document = dict[str, Any]


class ExecutionStoppedError(Exception):
    """Ends the states of a stopped execution; not one of the errors that Retry and Catch know."""


class RecordingContext(Document):
    """The context of a Map's item; ministack sets its `State` whenever the item enters one."""

    def __init__(self, content: Document, entered: Function) -> None:
        super().__init__(content)
        self._entered = entered
        self._known: set[tuple[str, str]] = set()

    def __setitem__(self, key: str, value: Any) -> None:
        """Record the state before it is executed, and not again when it is tried again."""
        if key == "State" and (entry := (value["Name"], value["EnteredTime"])) not in self._known:
            self._known.add(entry)
            self._entered(value["Name"])
        super().__setitem__(key, value)

    def __deepcopy__(self, memo: dict[int, Any]) -> Document:
        """Return what a Map within the Map copies for each of its items."""
        return copy.deepcopy(dict(self), memo)


def repair() -> None:
    """Limit data, record the states of items, and stop everything of a stopped execution."""
    _limit_data()
    _record_states_of_items()
    _stop()


def size_bytes(value: Any) -> int:
    """Return how many bytes of state `value` takes, as compact JSON in UTF-8."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return len(text.encode(errors="surrogatepass"))


def check_size(value: Any, what: str) -> None:
    """Fail the state with States.DataLimitExceeded if `value`, named `what`, is too large."""
    size = size_bytes(value)
    if size > LIMIT_BYTES:
        cause = f"{what} has {size} bytes, above the maximum of {LIMIT_BYTES} bytes"
        raise private(f"{MODULE}:_ExecutionError")(DATA_LIMIT_EXCEEDED, cause)


def has_ended(execution: Document) -> bool:
    """Return whether `execution` (or Map Run), or one that it is part of, no longer runs."""
    parent = execution.get(PARENT)
    return execution["status"] != "RUNNING" or (parent is not None and has_ended(parent))


def _limit_data() -> None:
    """Check what goes into a task, comes out of it, and comes out of a state; at most 256 KiB.

    https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html (payload size),
    https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
    (States.DataLimitExceeded). That page says that States.ALL does not match the error; recordings
    of executions on AWS show that the States.ALL of a task does.
    """

    # These return (output, next state); a state's own Retry and Catch are over by then.
    @around(
        *(f"{MODULE}:_execute_{kind}" for kind in ("pass", "task", "map", "parallel")),
    )
    def execute_checked(
        execute: Function, state: Document, data: Any, *rest: Any
    ) -> tuple[Any, Any]:
        output, following = execute(state, data, *rest)
        check_size(output, f"The output of the {state['Type']} state")
        return output, following

    @around(f"{MODULE}:_invoke_resource")
    def invoke_checked(invoke: Function, resource: str, data: Any) -> Any:
        check_size(data, f"The input of the task {resource}")
        result = invoke(resource, data)
        check_size(result, f"The result of the task {resource}")
        return result

    @around(f"{MODULE}:_error_matches")
    def matches_as_recorded(matches: Function, error_equals: list[str], error: str) -> bool:
        if error == DATA_LIMIT_EXCEEDED:
            return error in error_equals or "States.ALL" in error_equals
        return bool(matches(error_equals, error))


def _record_states_of_items() -> None:
    """Name the states that each item of a Map, and each branch, enters; ministack does not.

    Without input and output, which AWS records as well: those of all items would fill the memory.
    """
    add_event: Function = private(f"{MODULE}:_add_event")

    @around(f"{MODULE}:_run_sub_machine")
    def run_recorded_states(
        run_states: Function,
        states: Document,
        start: str,
        data: Any,
        execution: Document,
        context: Document,
    ) -> Any:
        def entered(name: str) -> None:
            details = {"stateEnteredEventDetails": {"name": name}}
            add_event(execution, f"{states[name]['Type']}StateEntered", details)

        return run_states(states, start, data, execution, RecordingContext(context, entered))


def _stop() -> None:
    """Schedule no further task of a stopped execution, and let it stay stopped.

    ministack looks between the states of the state machine itself only: the items of a Map go on
    to their end, retries included, and a task that fails after the stop makes the execution FAILED.
    """

    @around(f"{MODULE}:_add_event")
    def add_event_unless_stopped(
        add_event: Function, execution: Document, event: str, details: Any = None
    ) -> Any:
        if event == "TaskScheduled" and has_ended(execution):
            raise ExecutionStoppedError(execution["executionArn"])
        return add_event(execution, event, details)

    @around(f"{MODULE}:_fail_execution")
    def fail_unless_stopped(
        fail_execution: Function, execution: Document, error: str, cause: str
    ) -> None:
        if not has_ended(execution):
            fail_execution(execution, error, cause)
