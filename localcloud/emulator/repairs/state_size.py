"""A state's input and output hold at most 256 KiB, as on AWS; ministack takes any size.

https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html (payload size),
https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
(States.DataLimitExceeded). That page says that States.ALL does not match the error; recordings of
executions on AWS show that the States.ALL of a task does.
"""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from localcloud.emulator.names import private, replace

LIMIT_BYTES = 262_144
DATA_LIMIT_EXCEEDED = "States.DataLimitExceeded"

MODULE = "ministack.services.stepfunctions"
# These give (output, next state); a state's own Retry and Catch are over by then.
STATES = ("_execute_pass", "_execute_task", "_execute_map", "_execute_parallel")


def repair() -> None:
    """Check what goes into a task, comes out of it, and comes out of a state."""

    def checked_state(execute: Callable[..., tuple[Any, Any]]) -> Callable[..., tuple[Any, Any]]:
        @wraps(execute)
        def execute_checked(state: Any, data: Any, *rest: Any) -> tuple[Any, Any]:
            output, following = execute(state, data, *rest)
            check_size(output, f"The output of the {state['Type']} state")
            return output, following

        return execute_checked

    for name in STATES:
        path = f"{MODULE}:{name}"
        replace(path, checked_state(private(path)))
    _check_tasks()
    _leave_uncaught_by_task_failed()


def size_bytes(value: Any) -> int:
    """How many bytes of state `value` takes, as compact JSON in UTF-8."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return len(text.encode(errors="surrogatepass"))


def check_size(value: Any, what: str) -> None:
    """Fail the state with States.DataLimitExceeded if `value`, named `what`, is too large."""
    size = size_bytes(value)
    if size > LIMIT_BYTES:
        cause = f"{what} has {size} bytes, above the maximum of {LIMIT_BYTES} bytes"
        raise private(f"{MODULE}:_ExecutionError")(DATA_LIMIT_EXCEEDED, cause)


def _check_tasks() -> None:
    path = f"{MODULE}:_invoke_resource"
    invoke: Callable[[str, Any], Any] = private(path)

    @wraps(invoke)
    def invoke_checked(resource: str, data: Any) -> Any:
        check_size(data, f"The input of the task {resource}")
        result = invoke(resource, data)
        check_size(result, f"The result of the task {resource}")
        return result

    replace(path, invoke_checked)


def _leave_uncaught_by_task_failed() -> None:
    path = f"{MODULE}:_error_matches"
    matches: Callable[[list[str], str], bool] = private(path)

    @wraps(matches)
    def matches_as_recorded(error_equals: list[str], error: str) -> bool:
        if error == DATA_LIMIT_EXCEEDED:
            return error in error_equals or "States.ALL" in error_equals
        return matches(error_equals, error)

    replace(path, matches_as_recorded)
