"""Texts for people, such as keys, of which S3 takes any character."""


def readable(text: str) -> str:
    """Return the text with an escape for each character that cannot be printed.

    JSONata's $shown does the same for messages: stacks/constructs/common/jsonata.py.
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )
