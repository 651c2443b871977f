"""Make values and keys in messages short, printable and safe for Lambda to send."""

import reprlib

# Characters of a value that a message repeats.
MAX_SHOWN = 200

_short = reprlib.Repr()  # also of nested values, into which repr cannot recurse
_short.maxlevel = 3
_short.maxstring = MAX_SHOWN


def shown(value: object) -> str:
    """Return a value of any size as a short text."""
    try:
        return _short.repr(value)[:MAX_SHOWN]
    except ValueError:  # Python refuses to print integers of more than some thousand digits
        return f"a value of type {type(value).__name__} with a huge integer"


def sendable(message: str) -> str:
    """Return the text with lone surrogates escaped: Lambda's runtime dies of sending one."""
    return message.encode(errors="backslashreplace").decode()


def readable(text: str) -> str:
    """Return the text with an escape for each character that cannot be printed.

    JSONata's $shown does the same for messages: stacks/constructs/common/jsonata.py.
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )
