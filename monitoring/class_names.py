"""Names of classes, as a person writes them."""

import argparse


def class_names(text: str) -> tuple[str, ...]:
    """Return the names in `NAME,NAME`.

    Raises:
        argparse.ArgumentTypeError: one is empty, appears twice or cannot be printed.
    """
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if not name or not name.isprintable():
            raise argparse.ArgumentTypeError(
                f"{name!r} is no name of a class: expected printable names, separated by commas"
            )
        if names.count(name) > 1:
            raise argparse.ArgumentTypeError(f"{name!r} appears twice: name each class once")
    return names
