"""What ends the demo from outside: a signal, a closed terminal, or the end of its local cloud."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from localcloud.launcher import LocalCloud, LocalCloudError

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""The signals after which the demo tidies up and ends."""

# Asked now: once it is closed, a terminal is none.
_TERMINALS = [stream for stream in (1, 2) if os.isatty(stream)]


class Ended(KeyboardInterrupt):
    """A signal asks the process to end."""

    def __init__(self, number: int) -> None:
        """`number` is the signal's."""
        super().__init__(signal.Signals(number).name)
        self.number = number


class CloudEnded(BaseException):
    """The local cloud ended by itself. Not an Exception: clients try again after these."""

    def __init__(self, error: LocalCloudError) -> None:
        """`error` says so to the user."""
        super().__init__(str(error))
        self.error = error


def number_of(interrupt: KeyboardInterrupt) -> int:
    """Return the number of the signal; added to 128 it is the exit code of what it ended."""
    return interrupt.number if isinstance(interrupt, Ended) else signal.SIGINT


def raise_ended() -> None:
    """Let a SIGTERM, or the SIGHUP of a closed terminal, raise `Ended`, as Ctrl-C interrupts.

    A signal that the caller ignores, such as SIGHUP under nohup, stays ignored.
    """
    for number in ENDING[1:]:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _raise)


def leave_terminal(number: int) -> None:
    """After a SIGHUP write nothing more to the terminal: it is gone, and writing would fail."""
    if number == signal.SIGHUP:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in _TERMINALS:
            os.dup2(nowhere, stream)
        os.close(nowhere)


@contextmanager
def ending_with(cloud: LocalCloud) -> Iterator[None]:
    """Raise LocalCloudError within the block if the local cloud ends by itself.

    The CDK CLI would go on for minutes, trying again and again to reach it.
    """

    def look(_number: int, _frame: Any) -> None:
        if (error := cloud.ended()) is not None:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            raise CloudEnded(error)

    before = signal.signal(signal.SIGCHLD, look)
    try:
        look(signal.SIGCHLD, None)
        yield
    except CloudEnded as ended:
        raise ended.error from None
    finally:
        signal.signal(signal.SIGCHLD, before)


def _raise(number: int, _frame: Any) -> None:
    # Once: a closed terminal sends several, and tidying up takes seconds.
    for each in ENDING[1:]:
        signal.signal(each, signal.SIG_IGN)
    leave_terminal(number)
    raise Ended(number)
