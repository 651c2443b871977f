"""Run a command so that nothing it started outlives it, or the process that asked for it.

    python -I -S guard.py FOLDER COMMAND [ARGUMENT ...]

COMMAND becomes this process, which must lead a process group. A child of it, the guard,
waits for the first of two ends: that of COMMAND, its parent, and that of the caller, who holds the
other end of standard input, a pipe that the system closes however the caller ends. Then the guard
kills the group and removes FOLDER, the command's temporary files. A caller that writes to the pipe
lets go: COMMAND lives on without it.

The guard inherits what COMMAND does. So a lock that was passed on is free once all are gone, and so
is the end of the output.
"""

import contextlib
import fcntl
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

LOOK_SECONDS = 0.1
ATTEMPTS = 50


def guarded(command: Sequence[str], *, folder: Path) -> list[str]:
    """Return the command line that runs `command` with a guard.

    Start it in a new session, with a pipe as standard input. `folder` is emptied at the start and
    removed at the end.
    """
    return [sys.executable, "-I", "-S", __file__, str(folder), *command]


def lock(file: IO[str], *, shared: bool = False, wait: bool = False) -> bool:
    """Lock `file` until every process that holds it open has ended; return False if it is locked.

    With `shared` several may hold it, none of them exclusively: enough to see whether it is free.
    With `wait` return when it is locked.
    """
    how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(file, how if wait else how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def main(folder: Path, command: Sequence[str]) -> None:
    """Become `command`; does not return."""
    if os.getpgrp() != os.getpid():
        sys.exit("guard.py would kill the process group of its caller; start it in its own")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    pid = os.getpid()
    if os.fork() == 0:
        _guard(pid, caller=sys.stdin.fileno(), folder=folder)
        os._exit(0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())
    os.execvp(command[0], [*command])


def _guard(pid: int, *, caller: int, folder: Path) -> None:
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    watched = [caller]
    # Polled: a child of the command could hold any pipe that the command holds.
    while os.getppid() == pid:
        ready, _, _ = select.select(watched, [], [], LOOK_SECONDS)
        if ready and not os.read(caller, 1):
            break
        if ready:
            watched = []
    os.setpgid(0, 0)
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: only zombies are left
        os.killpg(pid, signal.SIGKILL)
    # A process in the middle of a call may still add a file.
    for _ in range(ATTEMPTS):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            break
        time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
