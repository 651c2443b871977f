"""Parse JSON from outside in bounded memory: a model's answers, and SageMaker's captures."""

import io
import json
from collections.abc import Callable, Iterator
from typing import IO, Any

MAX_BYTES = 16 * 2**20
"""Of a text or a line: twice the largest request that an endpoint takes, 6 MB, in BASE64."""
MAX_VALUES = 100_000
"""Values of a JSON text. Python takes up to a hundred bytes for one of two bytes of text, and a
capture record has a dozen, and a probability for each class."""
MAX_LINES = 200_000
"""Lines of a file, blank ones included: a reader keeps some 100 MB of so many records, and an
endpoint's files have far fewer."""


def parse(text: bytes) -> Any:
    """Return the value of a JSON text; raise ValueError for anything else and for excess."""
    if reason := excess(text):
        raise ValueError(reason)
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply to be read") from error


def excess(text: bytes) -> str:
    """Return why a JSON text is too large to be parsed in bounded memory; empty if it is not."""
    if len(text) > MAX_BYTES:
        return f"longer than {MAX_BYTES:,} bytes, which no request and answer take"
    # Each value but the outermost follows one of these.
    values = 1 + sum(map(text.count, (b"[", b"{", b",")))
    if values > MAX_VALUES:
        return f"up to {values:,} values in its JSON; a record has at most {MAX_VALUES:,}"
    return ""


def lines(
    stream: IO[bytes] | io.BufferedIOBase, may_read: Callable[[], bool] = lambda: True
) -> Iterator[bytes]:
    """Yield every line, one in memory at a time; a line in `excess` is cut.

    Raises ValueError if there are more than `MAX_LINES`, or if `may_read` returns False.
    """

    def read(size: int) -> bytes:
        if not may_read():
            raise ValueError("the time of the run is over; the rest is left out")
        return stream.readline(size)

    count = 0
    while line := read(MAX_BYTES + 1):
        count += 1
        if count > MAX_LINES:
            raise ValueError(f"more than {MAX_LINES:,} lines; the rest is left out")
        end = line
        while len(line) > MAX_BYTES and end and not end.endswith(b"\n"):
            end = read(io.DEFAULT_BUFFER_SIZE)
        yield line
