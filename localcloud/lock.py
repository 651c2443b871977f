"""Locks on files, which the system releases once every process that holds one has ended."""

import fcntl
from typing import IO


def lock(file: IO[str], *, shared: bool = False, wait: bool = False) -> bool:
    """Lock `file` until it is closed; return False if another process holds the lock.

    With `shared` several may hold it, none of them exclusively: enough to see whether it is free.
    With `wait` return when it is locked.
    """
    how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(file, how if wait else how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
