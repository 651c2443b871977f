"""JSON of others, read in bounded memory: what a model answers, and what SageMaker captured."""

import io
import json
from collections.abc import Callable, Iterator
from typing import IO, Any

MAX_BYTES = 16 * 2**20
"""Of a text or a line: twice the largest request that an endpoint takes, 6 MB, in BASE64."""
MAX_VALUES = 100_000
"""Values of a JSON text. Python takes up to a hundred bytes for one that is two bytes of text, and
a capture record has a dozen, and a probability for each class."""
MAX_LINES = 200_000
"""Lines of a file, blank ones included: a reader keeps some 100 MB of so many records, and an
endpoint's files have far fewer."""
LOOK_EVERY = 2**20
"""Bytes between two looks at the clock; even an empty line counts as `LEAST_COST`."""
LEAST_COST = 256


def parse(text: bytes) -> Any:
    """Return the value of a JSON text.

    Raises:
        ValueError: it is no JSON, see also `excess`, or is nested too deeply for Python.
    """
    if reason := excess(text):
        raise ValueError(reason)
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("brackets within brackets, too deep to be read") from error


def excess(text: bytes) -> str:
    """Return why a JSON text is too large to be parsed in bounded memory; empty if it is not."""
    if len(text) > MAX_BYTES:
        return f"longer than {MAX_BYTES:,} bytes, which no request and answer take"
    # Each value but the outermost has one of these before it.
    values = 1 + sum(map(text.count, (b"[", b"{", b",")))
    if values > MAX_VALUES:
        return f"up to {values:,} values in its JSON; a record has at most {MAX_VALUES:,}"
    return ""


def lines(
    stream: IO[bytes] | io.BufferedIOBase, may_read: Callable[[], bool] = lambda: True
) -> Iterator[bytes]:
    """Yield every line, one in memory at a time.

    Of a line longer than `MAX_BYTES` only the beginning is kept, which is in `excess`.

    Raises:
        ValueError: there are more than `MAX_LINES`, or they take longer than `may_read` allows.
    """
    cost = 0

    def next_part(size: int) -> bytes:
        nonlocal cost
        part = stream.readline(size)
        cost += max(len(part), LEAST_COST)
        if cost >= LOOK_EVERY:
            cost = 0
            if not may_read():
                raise ValueError("the time of the run is over; the rest is left out")
        return part

    count = 0
    while line := next_part(MAX_BYTES + 1):
        count += 1
        if count > MAX_LINES:
            raise ValueError(f"more than {MAX_LINES:,} lines; the rest is left out")
        end = line
        while len(line) > MAX_BYTES and end and not end.endswith(b"\n"):
            end = next_part(io.DEFAULT_BUFFER_SIZE)
        yield line
