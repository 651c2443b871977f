"""The consoles of the commands."""

from rich.console import Console


def console(*, errors: bool = False) -> Console:
    """Return a console that prints names, keys and paths as they are: no `[red]`, no `:fire:`."""
    return Console(stderr=errors, markup=False, emoji=False, highlight=False)
