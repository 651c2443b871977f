"""Capture records as the detector needs them.

Format: https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html
"""

import base64
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from lambda_src.shared import json_limits, probabilities

BASELINE_PREFIX = "baseline-"
"""Inference ids of the calls by which a baseline is made begin so: they are no traffic."""

GZIP_MAGIC = b"\x1f\x8b"

MAX_ID = 256
"""Characters of an id; SageMaker's have 36, callers' up to 64. The ids of a batch are kept."""
MAX_REASON = 200
"""Characters of an error that come from a record: the log takes no more than 256 KB a message."""


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
    """Yield the lines of a capture file, gzip or not, as `json_limits.lines`, without blank ones.

    Raises:
        UnreadableError: from here on the file is damaged gzip, has too many lines, or takes longer
            than `may_read` allows: the next run would not get further.
    """
    stream = io.BufferedReader(body)
    zipped = stream.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC)
    try:
        unzipped = gzip.GzipFile(fileobj=stream) if zipped else stream
        yield from filter(bytes.strip, json_limits.lines(unzipped, may_read))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UnreadableError(f"damaged gzip: {error}") from error
    except ValueError as error:
        raise UnreadableError(str(error)) from error


def parse(line: bytes) -> Record:
    """The record of one line.

    Raises:
        UnreadableError: it is not JSON, lacks what a record with a prediction has, or is larger
            than `json_limits` or `MAX_ID` allow.
    """
    try:
        capture = json_limits.parse(line)
        metadata, data = capture["eventMetadata"], capture["captureData"]
        picture = data.get("endpointInput")
        return Record(
            event_id=_id(metadata["eventId"]),
            inference_id=_id(metadata.get("inferenceId") or ""),
            time=_time(metadata["inferenceTime"]),
            probabilities=probabilities.check(json_limits.parse(_content(data["endpointOutput"]))),
            picture=_content(picture) if picture else None,
        )
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise UnreadableError(reason[:MAX_REASON]) from error


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
