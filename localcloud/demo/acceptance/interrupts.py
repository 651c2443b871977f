"""Interrupts that end a run, but not its teardown."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from localcloud.demo.signals import ENDING, Ended, leave_terminal

MESSAGE = "Taking down what was made. Interrupt once more to leave it, at your cost."


@dataclass
class State:
    """How far the run has got."""

    ending: bool = False
    """An interrupt, or the last of the checks, has begun the teardown."""
    warned: bool = False


@contextmanager
def interrupts(console: Console) -> Iterator[State]:
    """Raise `Ended` for an interrupt, a SIGTERM or a closed terminal, and begin the end with it.

    From then on the first one only says what is going on; the next is raised again.
    """
    state = State()

    def handle(number: int, _frame: Any) -> None:
        if number == signal.SIGHUP:
            signal.signal(number, signal.SIG_IGN)  # a closed terminal sends several
            leave_terminal(number)
        if state.ending and not state.warned:
            state.warned = True
            console.print(MESSAGE, style="yellow")
            return
        state.ending = True
        raise Ended(number)

    before = {each: signal.getsignal(each) for each in ENDING}
    for each, handler in before.items():
        if each != signal.SIGHUP or handler is not signal.SIG_IGN:  # ignored under nohup
            signal.signal(each, handle)
    try:
        yield state
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
