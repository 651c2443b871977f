"""A stopped execution schedules no further task and stays stopped, as on AWS.

ministack looks between the states of the state machine itself only: the items of a Map go on to
their end, retries included, and a task that fails after the stop makes the execution FAILED.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from localcloud.emulator.names import private, replace

ADD_EVENT = "ministack.services.stepfunctions:_add_event"
FAIL_EXECUTION = "ministack.services.stepfunctions:_fail_execution"

PARENT = "_parent"
"""Key of what ends with another: a Map Run with its execution, a child with its Map Run."""

Execution = dict[str, Any]


class ExecutionStoppedError(Exception):
    """Ends the states of a stopped execution; not one of the errors that Retry and Catch know."""


def repair() -> None:
    """Look at the execution before each task, and before it fails."""
    add_event: Callable[..., Any] = private(ADD_EVENT)
    fail_execution: Callable[[Execution, str, str], None] = private(FAIL_EXECUTION)

    @wraps(add_event)
    def add_event_unless_stopped(execution: Execution, event: str, details: Any = None) -> Any:
        if event == "TaskScheduled" and has_ended(execution):
            raise ExecutionStoppedError(execution["executionArn"])
        return add_event(execution, event, details)

    @wraps(fail_execution)
    def fail_unless_stopped(execution: Execution, error: str, cause: str) -> None:
        if not has_ended(execution):
            fail_execution(execution, error, cause)

    replace(ADD_EVENT, add_event_unless_stopped)
    replace(FAIL_EXECUTION, fail_unless_stopped)


def has_ended(execution: Execution) -> bool:
    """Whether `execution` (or Map Run), or one that it is part of, no longer runs."""
    parent = execution.get(PARENT)
    return execution["status"] != "RUNNING" or (parent is not None and has_ended(parent))
