"""Named steps, which show what they are doing and how long they took."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape

Say = Callable[[str], None]
"""Show a short text beside the name of the running step."""


class Steps:
    """Run one step after the other and remember their seconds."""

    def __init__(self, console: Console | None = None) -> None:
        """Show the steps on the console, if any; on a terminal, the running one has a spinner."""
        self.console = console or Console(quiet=True)
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[Say]:
        """Show `name` while the block runs; errors of the block pass through."""
        started = time.monotonic()
        mark, style = "✗", "red"
        with self.console.status(name) as status:

            def say(text: str) -> None:
                # Fit into one line of the terminal.
                room = max(self.console.width - len(name) - 8, 0)
                status.update(f"{name}  [dim]{escape(text[:room])}[/dim]")

            try:
                yield say
                mark, style = "✓", "green"
            finally:
                self.seconds[name] = round(time.monotonic() - started, 1)
                self.console.print(mark, style=style, end="")
                self.console.print(f" {name:<24}{self.seconds[name]:>7.1f} s")
