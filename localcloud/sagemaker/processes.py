"""Starting and ending the processes of algorithms, and the folders they work in."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final

from localcloud.environment import PROJECT

CHILD: Final = Path(__file__).with_name("child.py")
GRACE_SECONDS: Final = 20
"""How long a process may take to end itself. AWS gives a training container 120 seconds."""

_LOG_TAIL_BYTES: Final = 2000


def start(
    module: str, arguments: Sequence[str], *, environment: Mapping[str, str], stderr: int | IO[str]
) -> subprocess.Popen[str]:
    """Start `python -m module arguments`, standard output piped; it ends when this process does."""
    return subprocess.Popen(
        [sys.executable, "-P", str(CHILD), module, *arguments],
        cwd=PROJECT,
        env={
            **os.environ,
            **environment,
            "PYTHONPATH": str(PROJECT),
            "PYTHONUNBUFFERED": "1",
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        errors="replace",
    )


def stop(process: subprocess.Popen[str]) -> None:
    """End a process: ask it with SIGTERM, and kill it if it does not comply."""
    process.terminate()
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def new_folder(purpose: str) -> Path:
    """A new folder below the emulator's private TMPDIR, which goes when the emulator stops."""
    safe = re.sub(r"[^A-Za-z0-9-]", "-", purpose)
    return Path(tempfile.mkdtemp(prefix=f"sagemaker-{safe}-"))


def tail(log: Path) -> str:
    """The last lines of a log, as one line for a message; empty if there is no log."""
    if not log.exists():
        return ""
    text = log.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace")
    return " | ".join(line.strip() for line in text.splitlines()[-5:] if line.strip())
