"""List the processes that run, by `ps` on Linux and macOS."""

import subprocess
import time
from collections.abc import Callable, Collection


def descendants(pid: int) -> dict[int, str]:
    """Command lines of a process and of all that it and these have started, by process id."""
    listed = _listed()
    found = {pid}
    while more := {each for each, (parent, _) in listed.items() if parent in found} - found:
        found |= more
    return {each: listed[each][1] for each in found if each in listed}


def running(pids: Collection[int]) -> dict[int, str]:
    """Command lines of those that run, by process id."""
    return {each: command for each, (_, command) in _listed().items() if each in pids}


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Return whether `condition` comes true in time."""
    deadline = time.monotonic() + seconds
    while not (true := condition()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return true


def _listed() -> dict[int, tuple[int, str]]:
    """Process id -> that of its parent, command line; without what has ended (state Z)."""
    command = ["ps", "-axww", "-o", "pid=,ppid=,stat=,command="]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    rows = (line.split(maxsplit=3) for line in lines)
    return {int(row[0]): (int(row[1]), row[-1]) for row in rows if not row[2].startswith("Z")}
