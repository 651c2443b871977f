"""Read SageMaker's data-capture records, from S3 or from a folder, as a stream.

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
from analysis.pictures import format_of
from analysis.skipped_lines import Kind, SkippedLine, log
from lambda_src.shared import json_limits, probabilities
from training.quotations import shortened

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

EARLIEST = datetime(2017, 1, 1, tzinfo=UTC)  # SageMaker's first year

_LAYOUT = re.compile(r"(?P<endpoint>[^/]+)/(?P<variant>[^/]+)/\d{4}/\d{2}/\d{2}/\d{2}/[^/]+$")


@dataclass(frozen=True, slots=True)
class Capture:
    """One call of the endpoint; what the capture mode leaves out is None."""

    event_id: str
    inference_id: str | None
    time: datetime
    """When the model answered, in UTC; SageMaker writes whole seconds."""
    endpoint: str | None
    variant: str | None
    file: str
    line: int
    """Counted from 1."""
    input: bytes | None
    input_type: str | None
    """Its content type."""
    probabilities: tuple[float, ...] | None
    """In the order of the classes the model was trained with."""

    @property
    def confidence(self) -> float | None:
        """Highest probability."""
        return None if self.probabilities is None else max(self.probabilities)

    @property
    def best_class(self) -> int | None:
        """Index of the highest probability, the first of equal ones."""
        if self.probabilities is None:
            return None
        return self.probabilities.index(max(self.probabilities))

    @property
    def picture(self) -> bytes | None:
        """The input, if it begins like a picture; it may be damaged further on."""
        return self.input if self.input is not None and format_of(self.input) else None


def read(
    location: str | Path,
    *,
    on_skip: Callable[[SkippedLine], None] = log,
    s3_client: "S3Client | None" = None,
) -> Iterator[Capture]:
    """Yield the capture records below `location`, ordered by file name, then by line.

    Memory does not grow with the number of records or the size of files.

    Args:
        location: `s3://bucket/folder`, `s3://bucket`, a local folder, or a single file or object.
            Below a folder, every `*.jsonl` and `*.jsonl.gz` is read at any depth; gzip is
            recognised by its content.
        on_skip: called with every line that is not a capture record and every file that cannot
            be read; the default logs a warning.
        s3_client: for S3 locations; default: made from the environment.

    Raises:
        FileNotFoundError: there is no such local file or folder. (An S3 folder without objects
            yields nothing: an endpoint that was never called has written none.)
        S3UriError: the location looks like S3, but names no bucket and folder there.
    """
    for file, number, line in lines(location, on_skip=on_skip, s3_client=s3_client):
        try:
            yield _capture(line, file, number)
        except _RefusedError as error:
            on_skip(SkippedLine(file, number, str(error), error.kind))
        except ValueError as error:
            on_skip(SkippedLine(file, number, first_error(error), Kind.NO_RECORD))


# --- Records ----------------------------------------------------------------------------------


class _RefusedError(ValueError):
    def __init__(self, kind: Kind, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


# SageMaker's ids have 36 characters, callers' up to 64. A report keeps all of them in memory.
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
    sent, output = record.capture_data.endpoint_input, record.capture_data.endpoint_output
    return Capture(
        event_id=metadata.event_id,
        inference_id=metadata.inference_id,
        time=_utc(metadata.inference_time),
        endpoint=endpoint,
        variant=variant,
        file=file,
        line=number,
        input=None if sent is None else _input(sent),
        input_type=None if sent is None else sent.observed_content_type,
        probabilities=None if output is None else _probabilities(output),
    )


def _utc(time: datetime) -> datetime:
    try:
        utc = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"inferenceTime {time} does not exist in UTC") from error
    # A record far from the others would also squeeze them into one point of every time axis.
    if utc < EARLIEST:
        raise ValueError(f"inferenceTime {time} is before SageMaker existed, in {EARLIEST.year}")
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
    """Return the content of data that is BASE64 although it declares another encoding."""
    if payload.encoding == "BASE64":
        return b""
    try:
        return base64.b64decode(payload.data, validate=True)
    except ValueError:
        return b""


def _input(payload: _Payload) -> bytes:
    if format_of(_undeclared_base64(payload)):
        reason = f"input declares {payload.encoding}, but is a picture in BASE64"
        raise _RefusedError(Kind.WRONG_ENCODING, reason)
    return _content(payload, "input")


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
    """Parse a JSON list, a CSV row, or a JSON list as other model servers wrap it."""
    text = content.removeprefix(codecs.BOM_UTF8).strip()
    values = json_limits.parse(text) if text.startswith((b"[", b"{")) else _row(text)
    if isinstance(values, dict):  # batch transform, TensorFlow Serving
        values = values.get("prediction", values.get("predictions"))
    while isinstance(values, list) and len(values) == 1 and isinstance(values[0], list):
        (values,) = values
    return tuple(probabilities.check(values))


def _row(text: bytes) -> list[float]:
    if reason := json_limits.excess(text):
        raise ValueError(reason)
    if b"_" in text:  # Python reads 1_0 as 10
        raise ValueError("not a row of numbers")
    return [float(value) for value in text.split(b",")]


def first_error(error: ValueError) -> str:
    """Return the message; of pydantic's several, the first with its field."""
    if not isinstance(error, ValidationError):
        return str(error)
    first, *_ = error.errors()
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]
