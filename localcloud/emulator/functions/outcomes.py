"""What a handler returns or raises, and what it logs, reaches the caller as on AWS.

ministack calls every exception `Runtime.HandlerError`, so that no Retry or Catch by name matches,
ends the worker with it, and cannot return `bytes`. Code of ours in its worker scripts
(python_worker.py, node_handler.js) reports an exception as an ordinary result under a key of ours.

A worker that dies fails its own call and no other. ministack ends every worker of the function when
one dies while it starts, in the middle of the calls that these serve, and reports each by an
exception such as `AttributeError`. Lambda starts a process that died while it started again within
the same call, once ("suppressed init").

The log of a Python function's call ends with a line that its wrapper writes. ministack waits for
5 ms of silence, for which every call holds its worker, and 50 ms if nothing came.
"""

import queue
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any

from localcloud.emulator.functions.python_worker import END_OF_LOG, HANDLER_ERROR
from localcloud.emulator.names import PrivateNameError, private, replace

RUNTIME = "ministack.core.lambda_runtime"
PYTHON_SCRIPT = f"{RUNTIME}:_PYTHON_WORKER_SCRIPT"
NODE_SCRIPT = f"{RUNTIME}:_NODEJS_WORKER_SCRIPT"
INVOKE = f"{RUNTIME}:Worker.invoke"
DRAIN = f"{RUNTIME}:Worker._drain_stderr_bounded"
EXECUTE = "ministack.services.lambda_svc:_execute_function_warm"

# What ministack reports of a worker whose output ends in the middle of a call, or of its start.
DIED = "Worker process died"
DIED_AT_START = "Worker process exited immediately"
WORKER_DIED = {"errorMessage": DIED, "errorType": "Runtime.HandlerError"}
TIMEOUT = "Task timed out after "

# The line was written before the reply that has arrived; this is for a process that died between.
LONGEST_LOG_WAIT_SECONDS = 1.0

Worker = Any
Outcome = dict[str, Any]
Execute = Callable[[Any, Any, str], Outcome]


def repair() -> None:
    """Extend both worker scripts, and translate what they and the ends of workers report."""
    _extend_scripts()
    _report_crashes()
    _report_errors()
    drain: Callable[[Worker], str] = private(DRAIN)

    def drain_to_the_end(worker: Worker) -> str:
        is_python = worker.config.get("Runtime", "python").startswith("python")
        return read_log(worker._stderr_queue) if is_python else drain(worker)

    replace(DRAIN, drain_to_the_end)


def read_log(lines: "queue.Queue[str]") -> str:
    """Return the lines up to the end of a call's log, without it and the blank line before it."""
    log: list[str] = []
    deadline = time.monotonic() + LONGEST_LOG_WAIT_SECONDS
    with suppress(queue.Empty):
        while (line := lines.get(timeout=max(0, deadline - time.monotonic()))) != END_OF_LOG:
            log.append(line)
    if log and not log[-1]:
        log.pop()
    return "\n".join(log)


def _extend_scripts() -> None:
    handler = "getattr(mod, handler_name)"
    _edit(PYTHON_SCRIPT, {f"handler_fn = {handler}": f"handler_fn = as_on_aws({handler})"})
    _edit(
        NODE_SCRIPT,
        {
            'status: "error", error: String(err.message || err), trace: err.stack || ""': (
                'status: "ok", result: handlerError(err)'
            ),
            'status: "error", error: e.message, trace: e.stack': (
                'status: "ok", result: handlerError(e)'
            ),
        },
    )
    source = Path(__file__).with_name("node_handler.js").read_text(encoding="utf-8")
    replace(NODE_SCRIPT, f"{source}\n{private(NODE_SCRIPT)}")


def _edit(script: str, edits: Mapping[str, str]) -> None:
    """Make `edits` (before: after) in `script`.

    Raises:
        PrivateNameError: what is to be edited does not occur in the script exactly once.
    """
    text: str = private(script)
    for before, after in edits.items():
        if text.count(before) != 1:
            raise PrivateNameError(f"{script} with `{before}` in it once")
        text = text.replace(before, after)
    replace(script, text)


def _report_crashes() -> None:
    invoke: Callable[..., Outcome] = private(INVOKE)

    def invoke_once(worker: Worker, *arguments: Any, **options: Any) -> Outcome:
        try:
            return invoke(worker, *arguments, **options)
        except Exception as error:  # of a start; the rest is in the outcome
            _end_process(worker)
            if isinstance(error, BrokenPipeError) or str(error).startswith(DIED_AT_START):
                return {"status": "error", "error": DIED_AT_START}
            return {"status": "error", "error": str(error), "trace": str(error)}

    @wraps(invoke)
    def invoke_alone(worker: Worker, *arguments: Any, **options: Any) -> Outcome:
        outcome = invoke_once(worker, *arguments, **options)
        if outcome.get("error") == DIED_AT_START:
            outcome = invoke_once(worker, *arguments, **options)
        return {**outcome, "error": DIED} if _is_crash(outcome) else outcome

    replace(INVOKE, invoke_alone)


def _is_crash(outcome: Outcome) -> bool:
    """Return whether the process ended: not a timeout, nor an error that the worker reported."""
    return (
        outcome["status"] == "error"
        and "trace" not in outcome
        and not outcome["error"].startswith(TIMEOUT)
    )


def _end_process(worker: Worker) -> None:
    """End the worker's process; its next call starts another."""
    process, worker._proc = worker._proc, None
    if process is not None:
        process.kill()
        process.wait()


def _report_errors() -> None:
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
