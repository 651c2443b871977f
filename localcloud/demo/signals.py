"""What ends the demo from outside: a signal, a closed terminal, or the end of its local cloud."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from localcloud.launcher import LocalCloud, LocalCloudError

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals after which the demo tidies up and ends."""

# Asked now: a terminal that has been closed is none.
_TERMINALS = [stream for stream in (1, 2) if os.isatty(stream)]


class Ended(KeyboardInterrupt):
    """A signal asks the process to end."""

    def __init__(self, number: int) -> None:
        """Keep the number of the signal."""
        super().__init__(signal.Signals(number).name)
        self.number = number


class CloudEnded(BaseException):
    """The local cloud ended by itself. Not an Exception, after which clients would retry."""

    def __init__(self, error: LocalCloudError) -> None:
        """Keep the error that tells the user."""
        super().__init__(str(error))
        self.error = error


def number_of(interrupt: KeyboardInterrupt) -> int:
    """Return the number of the signal; added to 128 it is the exit code of what it ended."""
    return interrupt.number if isinstance(interrupt, Ended) else signal.SIGINT


def raise_ended() -> None:
    """Let a SIGTERM, or the SIGHUP of a closed terminal, raise `Ended`, as Ctrl-C interrupts.

    A signal that the caller ignores, such as SIGHUP under nohup, stays ignored.
    """

    def handle(number: int, _frame: Any) -> None:
        # Once: a closed terminal sends several, and tidying up takes seconds.
        for each in ENDING[1:]:
            signal.signal(each, signal.SIG_IGN)
        _leave_terminal(number)
        raise Ended(number)

    for number in ENDING[1:]:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handle)


@contextmanager
def ending_with(cloud: LocalCloud) -> Iterator[None]:
    """Raise LocalCloudError within the block if the local cloud ends by itself.

    Otherwise the CDK CLI would retry for minutes to reach it.
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


@dataclass
class Teardown:
    """How far a run has got whose teardown must not be interrupted by mistake."""

    begun: bool = False
    """An interrupt, or the last of the checks, has begun it."""
    warned: bool = False


@contextmanager
def warned_once(console: Console) -> Iterator[Teardown]:
    """Raise `Ended` at a signal of `ENDING`, but once the teardown has begun, warn first.

    The first signal begins it. The next one only says what is going on; all others are raised.
    """
    teardown = Teardown()

    def handle(number: int, _frame: Any) -> None:
        if number == signal.SIGHUP:
            signal.signal(number, signal.SIG_IGN)  # a closed terminal sends several
            _leave_terminal(number)
        if teardown.begun and not teardown.warned:
            teardown.warned = True
            console.print(
                "Taking down what was created. Interrupt once more to leave it, at your cost.",
                style="yellow",
            )
            return
        teardown.begun = True
        raise Ended(number)

    before = {each: signal.getsignal(each) for each in ENDING}
    for each, handler in before.items():
        if each != signal.SIGHUP or handler is not signal.SIG_IGN:  # ignored under nohup
            signal.signal(each, handle)
    try:
        yield teardown
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _leave_terminal(number: int) -> None:
    """After a SIGHUP, write nothing more to the terminal: it is gone, and writing would fail."""
    if number == signal.SIGHUP:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in _TERMINALS:
            os.dup2(nowhere, stream)
        os.close(nowhere)
