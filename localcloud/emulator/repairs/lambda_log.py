"""The log of a Python function's call is complete when its wrapper says so.

ministack takes it for complete after 5 ms of silence, for which every call holds its worker, and
50 ms if nothing came. python_handler.py ends the log of each call with a line of its own instead.
"""

import queue
import time
from contextlib import suppress
from typing import Any

from localcloud.emulator.names import private, replace
from localcloud.emulator.repairs.python_handler import END_OF_LOG

DRAIN = "ministack.core.lambda_runtime:Worker._drain_stderr_bounded"

# The line was written before the reply that has arrived; this is for a process that died between.
LONGEST_WAIT_SECONDS = 1.0

Worker = Any


def repair() -> None:
    """Read the log of a Python worker to its end; that of others as ministack does."""
    drain = private(DRAIN)

    def drain_to_the_end(worker: Worker) -> str:
        runtime = worker.config.get("Runtime", "python")
        log: str = read(worker._stderr_queue) if runtime.startswith("python") else drain(worker)
        return log

    replace(DRAIN, drain_to_the_end)


def read(lines: "queue.Queue[str]") -> str:
    """The lines up to the end of a call's log, without it and the blank line before it."""
    log: list[str] = []
    deadline = time.monotonic() + LONGEST_WAIT_SECONDS
    with suppress(queue.Empty):
        while (line := lines.get(timeout=max(0, deadline - time.monotonic()))) != END_OF_LOG:
            log.append(line)
    if log and not log[-1]:
        log.pop()
    return "\n".join(log)
