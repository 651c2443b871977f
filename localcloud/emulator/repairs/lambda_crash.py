"""A worker process that dies fails its own call and no other, as a sandbox of Lambda does.

ministack ends every worker of the function when one dies while it starts, in the middle of the
calls that these serve, and reports each call by an exception of its own, such as `AttributeError`.
Any such end is reported here in the one way that lambda_outcome.py names as AWS does.

Of a process that dies while it starts, Lambda starts another within the same call, once
("suppressed init").
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from localcloud.emulator.names import private, replace

INVOKE = "ministack.core.lambda_runtime:Worker.invoke"
TIMEOUT = "Task timed out after "

# What ministack reports of a worker whose output ends in the middle of a call.
DIED = "Worker process died"
DIED_AT_START = "Worker process exited immediately"

Worker = Any
Outcome = dict[str, Any]


def repair() -> None:
    """Report the end of a worker as the outcome of its call instead of raising it."""
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
    """Tell the end of the process from a timeout, and from an error that the worker reported."""
    return (
        outcome["status"] == "error"
        and "trace" not in outcome
        and not outcome["error"].startswith(TIMEOUT)
    )


def _end_process(worker: Worker) -> None:
    """The next call of this worker starts another process."""
    process, worker._proc = worker._proc, None
    if process is not None:
        process.kill()
        process.wait()
