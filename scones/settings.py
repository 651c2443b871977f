"""`scones settings`: list every setting."""

from settings.documentation import page


def settings() -> None:
    """Print every setting with its default and bounds: the page docs/settings.md.

    Exit codes: 0 printed; 2 wrong usage.
    """
    print(page(), end="")
