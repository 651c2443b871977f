"""Work in the background: threads, processes of algorithms, and the folders they work in.

The emulator's guard ends the processes with it (`localcloud.guard`).
"""

import logging
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Final

from localcloud.environment import PROJECT
from localcloud.sagemaker.contract import Failure

GRACE_SECONDS: Final = 20
"""How long a process may take to end after SIGTERM. AWS gives training containers 120 seconds."""

_LOG_TAIL_BYTES: Final = 2000
_LONGEST_REASON: Final = 1024

_logger = logging.getLogger(__name__)


def run_in_background(
    work: Callable[[], None], *, end: Callable[[str | None], None], name: str
) -> None:
    """Run `work` on a thread, then `end` with the reason if it failed, else None."""

    def run() -> None:
        reason = None
        try:
            work()
        except Failure as failure:
            reason = str(failure)[:_LONGEST_REASON]
        except Exception as error:  # jobs and endpoints must end, or clients wait for ever
            _logger.exception("%s", name)
            reason = f"InternalServerError: {type(error).__name__}: {error}"[:_LONGEST_REASON]
        end(reason)

    threading.Thread(target=run, name=name, daemon=True).start()


def start(
    module: str, arguments: Sequence[str], *, environment: Mapping[str, str], stderr: int | IO[str]
) -> subprocess.Popen[str]:
    """Start `python -m module arguments` with its standard output piped."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module, *arguments],
        cwd=PROJECT,
        env={
            **os.environ,
            **environment,
            "PYTHONPATH": str(PROJECT),
            "PYTHONUNBUFFERED": "1",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        errors="replace",
    )


def stop(process: subprocess.Popen[str]) -> None:
    """Ask a process to end with SIGTERM, and kill it if it does not."""
    process.terminate()
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def new_folder(purpose: str) -> Path:
    """Make a folder below the emulator's TMPDIR, which is removed when the emulator stops."""
    safe = re.sub(r"[^A-Za-z0-9-]", "-", purpose)
    return Path(tempfile.mkdtemp(prefix=f"sagemaker-{safe}-"))


def tail(log: Path) -> str:
    """Return the last lines of a log as one line for a message; empty without a log."""
    if not log.exists():
        return ""
    text = log.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace")
    return " | ".join(line.strip() for line in text.splitlines()[-5:] if line.strip())
