"""`scones settings`: every setting, as docs/settings.md lists them."""

from settings.documentation import page


def settings() -> None:
    """Print the page docs/settings.md, made from the settings' own schema."""
    print(page(), end="")
