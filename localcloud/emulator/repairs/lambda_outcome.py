"""What a handler returns or raises reaches the caller as AWS's own runtimes report it.

ministack calls every exception `Runtime.HandlerError`, so that no Retry or Catch by name matches,
ends the worker with it, and cannot return `bytes`. A worker that dies it reports by the same name,
not as `Runtime.ExitError`. Here the handler's wrapper (python_handler.py,
node_handler.js; both run in the worker) reports an exception as an ordinary result under a key of
ours, and the emulator's side turns that into the error.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from localcloud.emulator.names import private, replace
from localcloud.emulator.repairs import worker_script
from localcloud.emulator.repairs.lambda_crash import DIED
from localcloud.emulator.repairs.python_handler import HANDLER_ERROR

EXECUTE = "ministack.services.lambda_svc:_execute_function_warm"

WORKER_DIED = {"errorMessage": DIED, "errorType": "Runtime.HandlerError"}

Outcome = dict[str, Any]
Execute = Callable[[Any, Any, str], Outcome]


def repair() -> None:
    """Extend both worker scripts and translate what they report."""
    worker_script.extend(
        worker_script.PYTHON,
        prologue="python_handler.py",
        edits={
            "handler_fn = getattr(mod, handler_name)": (
                "handler_fn = as_on_aws(getattr(mod, handler_name))"
            )
        },
    )
    worker_script.extend(
        worker_script.NODE,
        prologue="node_handler.js",
        edits={
            'status: "error", error: String(err.message || err), trace: err.stack || ""': (
                'status: "ok", result: handlerError(err)'
            ),
            'status: "error", error: e.message, trace: e.stack': (
                'status: "ok", result: handlerError(e)'
            ),
        },
    )
    execute: Execute = private(EXECUTE)

    @wraps(execute)
    def execute_as_on_aws(function: Any, event: Any, request_id: str) -> Outcome:
        outcome = execute(function, event, request_id)
        body = outcome.get("body")
        if isinstance(body, dict) and HANDLER_ERROR in body:
            return {**outcome, "body": body[HANDLER_ERROR], "error": True}
        if body == WORKER_DIED:
            message = f"RequestId: {request_id} Error: Runtime exited without providing a reason"
            report = {"errorMessage": message, "errorType": "Runtime.ExitError"}
            return {**outcome, "body": report}
        return outcome

    replace(EXECUTE, execute_as_on_aws)
