"""What the commands write to a terminal."""

from rich.console import Console


def console(*, errors: bool = False) -> Console:
    """Return a console that shows names, keys and paths as they are: `[red]` is no markup."""
    return Console(stderr=errors, markup=False, highlight=False)
