"""End the demo from outside: on a signal, a closed terminal, or the end of its local cloud."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from rich.console import Console

from localcloud.launcher import LocalCloud, LocalCloudError

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals after which the demo tidies up and ends."""

AGAIN_SECONDS = 0.01

Handler = Callable[[int, Any], None]
_Raised = TypeVar("_Raised", bound=BaseException)

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
        with _raised_again(CloudEnded, lambda _: (signal.SIGCHLD, look)):
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

    def again(ended: Ended) -> tuple[int, Handler]:
        state.ending = False
        return ended.number, handle

    before = {each: signal.getsignal(each) for each in ENDING}
    for each, handler in before.items():
        if each != signal.SIGHUP or handler is not signal.SIG_IGN:
            signal.signal(each, handle)
    try:
        with _raised_again(Ended, again):
            yield state
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextmanager
def _raised_again(
    kind: type[_Raised], again: Callable[[_Raised], tuple[int, Handler]]
) -> Iterator[None]:
    """Send a signal again if Python ignores what its handler raised.

    It ignores exceptions in finalizers and in callbacks of weak references, which drawing plots
    calls all the time. `again` returns the signal and the handler that it gets.
    """
    before = sys.unraisablehook

    def hook(unraisable: Any) -> None:
        if not isinstance(unraisable.exc_value, kind):
            before(unraisable)
            return
        number, handler = again(unraisable.exc_value)
        signal.signal(number, handler)
        # Not now: what is raised in here would be ignored as well.
        threading.Timer(AGAIN_SECONDS, os.kill, (os.getpid(), number)).start()

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


def _leave_terminal() -> None:
    """Write nothing more to the terminal: it is gone, and writing would fail."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in _TERMINALS:
        os.dup2(nowhere, stream)
    os.close(nowhere)
