"""Reads SageMaker data-capture records, from S3 or from a folder, as a stream.

Record format and the layout `<prefix>/<endpoint>/<variant>/yyyy/mm/dd/hh/<file>.jsonl`:
https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html
"""

import base64
import codecs
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, Field, ValidationError
from pydantic.alias_generators import to_camel

from analysis.files import lines
from analysis.pictures import is_picture
from analysis.skips import Kind, Skip, log, shortened
from lambda_src.shared import json_limits, probabilities

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

EARLIEST = datetime(2017, 1, 1, tzinfo=UTC)
"""SageMaker's first year: no record is older."""

_LAYOUT = re.compile(r"(?P<endpoint>[^/]+)/(?P<variant>[^/]+)/\d{4}/\d{2}/\d{2}/\d{2}/[^/]+$")


@dataclass(frozen=True, slots=True)
class Payload:
    """What went into the model."""

    content_type: str | None
    content: bytes
    """As it went over the wire."""


@dataclass(frozen=True, slots=True)
class Capture:
    """One invocation of the endpoint. What the capture mode leaves out is None."""

    event_id: str
    inference_id: str | None
    time: datetime
    """When the model answered, in UTC; real captures give whole seconds."""
    endpoint: str | None
    variant: str | None
    file: str
    line: int
    """Where it stands; lines count from 1."""
    input: Payload | None
    probabilities: tuple[float, ...] | None
    """One for each class, in the order of the classes the model was trained with."""

    @property
    def confidence(self) -> float | None:
        """Probability of the best class."""
        return None if self.probabilities is None else max(self.probabilities)

    @property
    def best_class(self) -> int | None:
        """Index of the best class; the first of them if several are equal."""
        if self.probabilities is None:
            return None
        return self.probabilities.index(max(self.probabilities))


def read(
    location: str | Path,
    *,
    on_skip: Callable[[Skip], None] = log,
    s3_client: "S3Client | None" = None,
) -> Iterator[Capture]:
    """Capture records below `location`, ordered by file name, then by line.

    Args:
        location: `s3://bucket/folder`, `s3://bucket`, a local folder, or a single file or object.
            Below a folder, every `*.jsonl` and `*.jsonl.gz` is read, at any depth, and no other
            file; gzip is recognised by its content. Memory does not grow with the number of
            records or the size of files.
        on_skip: told of every line that is not a capture record, and of every file that cannot
            be read (gone since it was listed, access denied); logs a warning if not given.
        s3_client: used for S3 locations; made from the environment if not given.

    Raises:
        FileNotFoundError: there is no such local file or folder. (An S3 folder without objects
            gives no records: an endpoint that was never called has written none.)
        S3UriError: the location is meant to be in S3, and is no bucket and folder there.
    """
    for file, number, line in lines(location, on_skip=on_skip, s3_client=s3_client):
        try:
            yield _capture(line, file, number)
        except _RefusedError as error:
            on_skip(Skip(file, number, str(error), error.kind))
        except ValueError as error:
            on_skip(Skip(file, number, _reason(error), Kind.NO_RECORD))


# --- Records ----------------------------------------------------------------------------------


class _RefusedError(ValueError):
    def __init__(self, kind: Kind, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


# SageMaker's ids have 36 characters, callers' up to 64. All of a report's are kept in memory.
_Name = Annotated[str, Field(max_length=256)]


class _Payload(BaseModel, alias_generator=to_camel):
    observed_content_type: _Name | None = None
    encoding: _Name
    data: str


class _Metadata(BaseModel, alias_generator=to_camel):
    event_id: _Name
    inference_id: _Name | None = None
    inference_time: datetime


class _Data(BaseModel, alias_generator=to_camel):
    endpoint_input: _Payload | None = None
    endpoint_output: _Payload | None = None


class _Record(BaseModel, alias_generator=to_camel):
    capture_data: _Data
    event_metadata: _Metadata


def _capture(line: bytes, file: str, number: int) -> Capture:
    record = _Record.model_validate_json(line)
    metadata = record.event_metadata
    layout = _LAYOUT.search(file)
    endpoint, variant = layout.groups() if layout else (None, None)
    output = record.capture_data.endpoint_output
    return Capture(
        event_id=metadata.event_id,
        inference_id=metadata.inference_id,
        time=_utc(metadata.inference_time),
        endpoint=endpoint,
        variant=variant,
        file=file,
        line=number,
        input=_input(record.capture_data.endpoint_input),
        probabilities=None if output is None else _probabilities(output),
    )


def _utc(time: datetime) -> datetime:
    try:
        utc = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"inferenceTime {time} does not exist in UTC") from error
    # Far from the others, a record would also stretch every time axis until nothing is seen.
    if utc < EARLIEST:
        raise ValueError(f"inferenceTime {time} is before SageMaker was there, in {EARLIEST.year}")
    return utc


def _content(payload: _Payload, side: str) -> bytes:
    if payload.encoding in ("JSON", "CSV"):
        return payload.data.encode()
    excerpt = f"{side} {payload.data[:20]!r}..."
    if payload.encoding != "BASE64":
        reason = f"{excerpt} has encoding {payload.encoding!r}, which is not BASE64, JSON or CSV"
        raise _RefusedError(Kind.WRONG_ENCODING, reason)
    try:
        return base64.b64decode(payload.data, validate=True)
    except ValueError as error:
        raise _RefusedError(Kind.WRONG_ENCODING, f"{excerpt} is not BASE64: {error}") from error


def _undeclared_base64(payload: _Payload) -> bytes:
    """What `data` is if it is BASE64 although it declares another encoding; else nothing."""
    try:
        return (
            b"" if payload.encoding == "BASE64" else base64.b64decode(payload.data, validate=True)
        )
    except ValueError:
        return b""


def _input(payload: _Payload | None) -> Payload | None:
    if payload is None:
        return None
    if is_picture(_undeclared_base64(payload)):
        reason = f"input declares {payload.encoding}, but is a picture in BASE64"
        raise _RefusedError(Kind.WRONG_ENCODING, reason)
    return Payload(payload.observed_content_type, _content(payload, "input"))


def _probabilities(output: _Payload) -> tuple[float, ...]:
    content = _content(output, "output")
    try:
        return _parsed(content)
    except ValueError as error:
        excerpt = f"output {output.data[:60]!r}"
        try:
            _parsed(_undeclared_base64(output))
        except ValueError:
            reason = f"{excerpt} is not a list of probabilities: {shortened(str(error))}"
            raise _RefusedError(Kind.NO_PROBABILITIES, reason) from error
        reason = f"{excerpt} declares {output.encoding}, but is BASE64"
        raise _RefusedError(Kind.WRONG_ENCODING, reason) from error


def _parsed(content: bytes) -> tuple[float, ...]:
    """Of a JSON list, a CSV row, or either in one of the wrappings that model servers use."""
    text = content.removeprefix(codecs.BOM_UTF8).strip()
    values = json_limits.parse(text) if text.startswith((b"[", b"{")) else _row(text)
    if isinstance(values, dict):  # batch transform says prediction, TensorFlow Serving predictions
        values = values.get("prediction", values.get("predictions"))
    while isinstance(values, list) and len(values) == 1 and isinstance(values[0], list):
        (values,) = values
    return tuple(probabilities.check(values))


def _row(text: bytes) -> list[float]:
    if reason := json_limits.excess(text):
        raise ValueError(reason)
    if b"_" in text:  # Python takes 1_0 for 10
        raise ValueError("not a row of numbers")
    return [float(value) for value in text.split(b",")]


def _reason(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first, *_ = error.errors()
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]
