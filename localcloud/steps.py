"""Named steps: each shows what it is doing, and says at its end how long it took."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape

Say = Callable[[str], None]
"""Shows a short text beside the name of the running step."""


class Steps:
    """Runs one step after the other, and remembers their seconds."""

    def __init__(self, console: Console) -> None:
        """`console` shows the steps; on a terminal, the running one with a spinner."""
        self.console = console
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[Say]:
        """Show `name` while the block runs; its error passes through."""
        started = time.monotonic()
        mark, style = "✗", "red"
        with self.console.status(name) as status:

            def say(text: str) -> None:
                # One line, whatever the width of the terminal.
                room = max(self.console.width - len(name) - 8, 0)
                status.update(f"{name}  [dim]{escape(text[:room])}[/dim]")

            try:
                yield say
                mark, style = "✓", "green"
            finally:
                self.seconds[name] = round(time.monotonic() - started, 1)
                self.console.print(mark, style=style, end="")
                self.console.print(f" {name:<24}{self.seconds[name]:>7.1f} s")
