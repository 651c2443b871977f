"""Capture records as the detector needs them.

Format: https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html
"""

import base64
import gzip
import io
import json
import math
import zlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

BASELINE_PREFIX = "baseline-"
"""Inference ids of the calls by which a baseline is made begin so: they are no traffic."""

GZIP_MAGIC = b"\x1f\x8b"


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


def lines(body: io.RawIOBase) -> Iterator[bytes]:
    """Lines of a capture file, gzip or not, one in memory at a time; blank ones are left out.

    Raises:
        UnreadableError: the file is damaged gzip, from here on.
    """
    stream = io.BufferedReader(body)
    zipped = stream.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC)
    try:
        for line in gzip.GzipFile(fileobj=stream) if zipped else stream:
            if line.strip():
                yield line
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UnreadableError(f"damaged gzip: {error}") from error


def parse(line: bytes) -> Record:
    """The record of one line.

    Raises:
        UnreadableError: it is not JSON, or lacks what a record with a prediction has.
    """
    try:
        capture = json.loads(line)
        metadata, data = capture["eventMetadata"], capture["captureData"]
        picture = data.get("endpointInput")
        return Record(
            event_id=str(metadata["eventId"]),
            inference_id=str(metadata.get("inferenceId", "")),
            time=_time(metadata["inferenceTime"]),
            probabilities=_probabilities(json.loads(_content(data["endpointOutput"]))),
            picture=_content(picture) if picture else None,
        )
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UnreadableError(f"{type(error).__name__}: {error}") from error


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
