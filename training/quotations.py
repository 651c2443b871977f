"""Quote what a file holds in a reason."""

LONGEST = 80
"""Characters of a file that a reason quotes."""


def shortened(text: str) -> str:
    """Return the beginning of a text that is too long to be quoted."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
