"""Capture records as the detector needs them.

Format: https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html
"""

import base64
import gzip
import io
import json
import math
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

BASELINE_PREFIX = "baseline-"
"""Inference ids of the calls by which a baseline is made begin so: they are no traffic."""

GZIP_MAGIC = b"\x1f\x8b"

MAX_LINE = 16 * 2**20
"""Bytes of a record: twice the largest request that an endpoint takes, 6 MB, in BASE64."""
MAX_LINES = 200_000
"""Of a file: a batch keeps some 100 MB of so many records. An endpoint's files have far fewer."""
MAX_VALUES = 100_000
"""Values of a record's JSON. Python takes up to a hundred bytes for one that is two bytes of text,
and a record has a dozen, and a probability for each class."""
MAX_ID = 256
"""Characters of an id; SageMaker's have 36, callers' up to 64. The ids of a batch are kept."""
MAX_REASON = 200
"""Characters of an error that come from a record: the log takes no more than 256 KB a message."""
LOOK_EVERY = 2**20
"""Bytes between two looks at the clock; even an empty line counts as `LEAST_COST`."""
LEAST_COST = 256


class UnreadableError(ValueError):
    """A line is no capture record with a prediction, or a file breaks off; the message says why."""


class Record(NamedTuple):
    """One answered request."""

    event_id: str
    inference_id: str
    """Empty if the caller gave none."""
    time: datetime
    """When the model answered, to the second, with time zone."""
    probabilities: list[float]
    """One for each class of the model."""
    picture: bytes | None
    """None where requests are not captured."""


def lines(body: io.RawIOBase, may_read: Callable[[], bool] = lambda: True) -> Iterator[bytes]:
    """Lines of a capture file, gzip or not, one in memory at a time; blank ones are left out.

    Of a line longer than `MAX_LINE` only the beginning is kept, which `parse` refuses.

    Raises:
        UnreadableError: from here on the file is damaged gzip, has more than `MAX_LINES` lines, or
            takes longer than `may_read` allows: the next run would not get further.
    """
    stream = io.BufferedReader(body)
    zipped = stream.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC)
    try:
        yield from _bounded_lines(gzip.GzipFile(fileobj=stream) if zipped else stream, may_read)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UnreadableError(f"damaged gzip: {error}") from error


def _bounded_lines(stream: io.BufferedIOBase, may_read: Callable[[], bool]) -> Iterator[bytes]:
    cost = count = 0

    def next_part(size: int) -> bytes:
        nonlocal cost
        part = stream.readline(size)
        cost += max(len(part), LEAST_COST)
        if cost >= LOOK_EVERY:
            cost = 0
            if not may_read():
                raise UnreadableError("the time of the run is over; the rest is left out")
        return part

    while line := next_part(MAX_LINE + 1):
        end = line
        while len(line) > MAX_LINE and end and not end.endswith(b"\n"):
            end = next_part(io.DEFAULT_BUFFER_SIZE)
        if line.strip():
            count += 1
            if count > MAX_LINES:
                raise UnreadableError(f"more than {MAX_LINES:,} lines; the rest is left out")
            yield line


def parse(line: bytes) -> Record:
    """The record of one line.

    Raises:
        UnreadableError: it is not JSON, lacks what a record with a prediction has, or is larger
            than `MAX_LINE`, `MAX_VALUES` or `MAX_ID`.
    """
    try:
        capture = _json(line)
        metadata, data = capture["eventMetadata"], capture["captureData"]
        picture = data.get("endpointInput")
        return Record(
            event_id=_id(metadata["eventId"]),
            inference_id=_id(metadata.get("inferenceId") or ""),
            time=_time(metadata["inferenceTime"]),
            probabilities=_probabilities(_json(_content(data["endpointOutput"]))),
            picture=_content(picture) if picture else None,
        )
    except (
        AttributeError,
        LookupError,
        OverflowError,  # an integer above any float
        RecursionError,  # brackets within brackets
        TypeError,
        ValueError,
    ) as error:
        reason = f"{type(error).__name__}: {error}"
        raise UnreadableError(reason[:MAX_REASON]) from error


def _json(text: bytes) -> Any:
    if len(text) > MAX_LINE:
        raise ValueError(f"longer than {MAX_LINE:,} bytes, which no request and answer take")
    # Each value but the outermost has one of these before it.
    values = 1 + sum(map(text.count, (b"[", b"{", b",")))
    if values > MAX_VALUES:
        raise ValueError(
            f"up to {values:,} values in its JSON; a record has at most {MAX_VALUES:,}"
        )
    return json.loads(text)


def _id(value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_ID:
        raise ValueError(f"an id is no text of up to {MAX_ID} characters")
    return value


def _content(payload: dict[str, Any]) -> bytes:
    if payload["encoding"] == "BASE64":
        return base64.b64decode(payload["data"], validate=True)
    text: str = payload["data"]
    return text.encode()


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"time {text!r} has no time zone")
    return time


def _probabilities(values: Any) -> list[float]:
    if not isinstance(values, list) or not values or not all(map(_is_probability, values)):
        raise ValueError("the reply is not a list with one probability per class")
    return [float(value) for value in values]


def _is_probability(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and 0 <= value <= 1
