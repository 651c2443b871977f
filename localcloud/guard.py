"""Run a command so that nothing it started outlives it, or the process that asked for it.

    python -I -S guard.py FOLDER COMMAND [ARGUMENT ...]

COMMAND becomes this very process, which has to lead a process group. A child of it, the guard,
waits for the first of two ends: that of COMMAND, and that of the caller, who holds the other end of
standard input. Both are pipes, which the system closes however a process ends. Then the guard kills
the group and removes FOLDER, the command's temporary files. A caller that writes to the pipe lets
go: COMMAND lives on without it.

The guard inherits what COMMAND does. So a lock that was passed on is free once all are gone, and so
is the end of the output.
"""

import contextlib
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ATTEMPTS = 50
ATTEMPT_SECONDS = 0.1


def guarded(command: Sequence[str], *, folder: Path) -> list[str]:
    """Return the command line that runs `command` with a guard.

    Start it with a pipe as standard input and in a session of its own. `folder` is emptied at the
    start and removed at the end.
    """
    return [sys.executable, "-I", "-S", __file__, str(folder), *command]


def main(folder: Path, command: Sequence[str]) -> None:
    """Become `command`; does not return."""
    if os.getpgrp() != os.getpid():
        sys.exit("guard.py would kill the process group of its caller; start it in its own")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    ended, alive = os.pipe()
    if os.fork() == 0:
        os.close(alive)
        _guard(caller=sys.stdin.fileno(), command=ended, folder=folder)
        os._exit(0)
    # The command holds it, and none of what it starts: Python and Node.js close it there.
    os.set_inheritable(alive, True)
    os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())
    os.execvp(command[0], [*command])


def _guard(*, caller: int, command: int, folder: Path) -> None:
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    watched = [caller, command]
    while True:
        ready, _, _ = select.select(watched, [], [])
        if command in ready or not os.read(caller, 1):
            break
        watched.remove(caller)
    group = os.getpgrp()
    os.setpgid(0, 0)
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: only zombies are left
        os.killpg(group, signal.SIGKILL)
    # A process in the middle of a call may still add a file.
    for _ in range(ATTEMPTS):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            break
        time.sleep(ATTEMPT_SECONDS)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
