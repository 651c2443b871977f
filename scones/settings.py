"""`scones settings`: list every setting."""

from scones import errors
from settings.documentation import page


def settings() -> None:
    """Print every setting with its default and bounds: the page docs/settings.md.

    Exit codes: 0 printed; 1 failed; 2 wrong usage.
    """
    with errors.shown():
        print(page(), end="")
