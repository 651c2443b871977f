"""Interrupts that end a run, but not its teardown."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console

MESSAGE = "Taking down what was made. Interrupt once more to leave it, at your cost."


@dataclass
class State:
    """How far the run has got."""

    ending: bool = False
    """An interrupt, or the last of the checks, has begun the teardown."""
    warned: bool = False


@contextmanager
def interrupts(console: Console) -> Iterator[State]:
    """Raise KeyboardInterrupt for an interrupt or a SIGTERM, and begin the end with it.

    From then on the first one only says what is going on; the next is raised again.
    """
    state = State()

    def handle(_number: int, _frame: Any) -> None:
        if state.ending and not state.warned:
            state.warned = True
            console.print(f"[yellow]{MESSAGE}[/]")
            return
        state.ending = True
        raise KeyboardInterrupt

    before = {each: signal.signal(each, handle) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield state
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
