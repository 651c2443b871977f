"""Reports what a handler returns, raises and logs to the caller as AWS does.

ministack calls every exception `Runtime.HandlerError`, so that no Retry or Catch by name matches,
ends the worker with it, and cannot return `bytes`. Code of ours in its worker scripts
(python_worker.py, node_handler.js) reports an exception as an ordinary result under a key of ours.

A worker that dies fails its own call and no other. ministack ends every worker of the function when
one dies while it starts, in the middle of the calls that these serve, and reports each by an
exception such as `AttributeError`. Lambda starts a process that died while it started again within
the same call, once ("suppressed init").

The log of a Python function's call ends with a line that its wrapper writes. ministack waits for
5 ms of silence, for which every call holds its worker, and 50 ms if nothing came. A call that
outlives its function writes no log.
"""

import queue
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from localcloud.emulator.functions.python_worker import END_OF_LOG, HANDLER_ERROR
from localcloud.emulator.names import Function, PrivateNameError, around, private, replace

RUNTIME = "ministack.core.lambda_runtime"
PYTHON_SCRIPT = f"{RUNTIME}:_PYTHON_WORKER_SCRIPT"
NODE_SCRIPT = f"{RUNTIME}:_NODEJS_WORKER_SCRIPT"
SERVICE = "ministack.services.lambda_svc"

# What ministack reports of a worker whose output ends in the middle of a call, or of its start.
DIED = "Worker process died"
DIED_AT_START = "Worker process exited immediately"
WORKER_DIED = {"errorMessage": DIED, "errorType": "Runtime.HandlerError"}
TIMEOUT = "Task timed out after "

# The line was written before the reply that has arrived; this is for a process that died between.
LONGEST_LOG_WAIT_SECONDS = 1.0

Worker = Any
Outcome = dict[str, Any]


def repair() -> None:
    """Extend both worker scripts, and translate what they and the ends of workers report."""
    _extend_scripts()
    _report_crashes()
    _report_errors()
    _write_logs()


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
    counts_calls = "_ms_install_invoke_depth()\n"
    _edit(
        PYTHON_SCRIPT,
        {
            f"handler_fn = {handler}": f"handler_fn = as_on_aws({handler})",
            # It imports botocore, which fails if the function brings, say, its own queue.py.
            f"    {counts_calls}": f"    with suppress(Exception):\n        {counts_calls}",
            # A layer may be built for Lambda's Python and processor: what is installed here wins.
            "sys.path.insert(0, _py)": "sys.path.append(_py)",
            "sys.path.insert(0, _ld)": "sys.path.append(_ld)",
        },
    )
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
    """Make `edits` (before: after) in `script`."""
    text: str = private(script)
    for before, after in edits.items():
        if text.count(before) != 1:
            raise PrivateNameError(f"{script} with `{before}` in it once")
        text = text.replace(before, after)
    replace(script, text)


def _report_crashes() -> None:
    def invoke_once(invoke: Function, worker: Worker, *arguments: Any, **options: Any) -> Outcome:
        try:
            outcome: Outcome = invoke(worker, *arguments, **options)
        except Exception as error:  # of a start; the rest is in the outcome
            _end_process(worker)
            if isinstance(error, ConnectionError) or str(error).startswith(DIED_AT_START):
                return {"status": "error", "error": DIED_AT_START}
            return {"status": "error", "error": str(error), "trace": str(error)}
        return outcome

    @around(f"{RUNTIME}:Worker.invoke")
    def invoke_alone(*arguments: Any, **options: Any) -> Outcome:
        outcome = invoke_once(*arguments, **options)
        if outcome.get("error") == DIED_AT_START:
            outcome = invoke_once(*arguments, **options)
        return {**outcome, "error": DIED} if _is_crash(outcome) else outcome


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
    @around(f"{SERVICE}:_execute_function_warm")
    def execute_as_on_aws(execute: Function, function: Any, event: Any, request_id: str) -> Outcome:
        outcome: Outcome = execute(function, event, request_id)
        body = outcome.get("body")
        if isinstance(body, dict) and HANDLER_ERROR in body:
            return {**outcome, "body": body[HANDLER_ERROR], "error": True}
        if body == WORKER_DIED:
            message = f"RequestId: {request_id} Error: Runtime exited without providing a reason"
            report = {"errorMessage": message, "errorType": "Runtime.ExitError"}
            return {**outcome, "body": report}
        return outcome


def _write_logs() -> None:
    functions = private(f"{SERVICE}:_functions")

    @around(f"{RUNTIME}:Worker._drain_stderr_bounded")
    def drain_to_the_end(drain: Function, worker: Worker) -> str:
        is_python = worker.config.get("Runtime", "python").startswith("python")
        return read_log(worker._stderr_queue) if is_python else str(drain(worker))

    # CDK's provider framework answers CloudFormation before its function returns, so in every
    # other `cdk destroy` a call outlives its function. ministack makes the log group anew.
    @around(f"{SERVICE}:_emit_lambda_logs")
    def emit_unless_deleted(
        emit: Function, function: dict[str, Any], *arguments: Any, **options: Any
    ) -> None:
        name = (function.get("config") or function).get("FunctionName")
        if name in functions:
            emit(function, *arguments, **options)
