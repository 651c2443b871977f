"""End the demo from outside: on a signal, a closed terminal, or the end of its local cloud."""

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

# Checked at import: later, a closed terminal no longer counts as one.
_TERMINALS = [stream for stream in (1, 2) if os.isatty(stream)]


class Ended(KeyboardInterrupt):
    """A signal asks the process to end."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class CloudEnded(BaseException):
    """The local cloud ended by itself. Not an Exception, after which clients would retry."""

    def __init__(self, error: LocalCloudError) -> None:
        super().__init__(str(error))
        self.error = error


def number_of(interrupt: KeyboardInterrupt) -> int:
    """Return the number of the signal; added to 128 it is the exit code of what it ended."""
    return interrupt.number if isinstance(interrupt, Ended) else signal.SIGINT


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
class Interrupts:
    """How often a run was interrupted."""

    ending: bool = False
    """True while the run takes down what it created, after an interrupt or at its end."""
    warned: bool = False


@contextmanager
def raised(console: Console) -> Iterator[Interrupts]:
    """Let Ctrl-C, a SIGTERM and a closed terminal raise `Ended`, but warn before ending a teardown.

    The first signal starts the teardown, the next one only warns, all others are raised. A SIGHUP
    that the caller ignores, as under nohup, stays ignored.
    """
    state = Interrupts()

    def handle(number: int, _frame: Any) -> None:
        if number == signal.SIGHUP:
            signal.signal(number, signal.SIG_IGN)  # a closed terminal sends several
            _leave_terminal()
        if state.ending and not state.warned:
            state.warned = True
            console.print(
                "Taking down what was created. Interrupt once more to leave it as it is.",
                style="yellow",
            )
            return
        state.ending = True
        raise Ended(number)

    before = {each: signal.getsignal(each) for each in ENDING}
    for each, handler in before.items():
        if each != signal.SIGHUP or handler is not signal.SIG_IGN:
            signal.signal(each, handle)
    try:
        yield state
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _leave_terminal() -> None:
    """Write nothing more to the terminal: it is gone, and writing would fail."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in _TERMINALS:
        os.dup2(nowhere, stream)
    os.close(nowhere)
