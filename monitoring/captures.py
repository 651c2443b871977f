"""Reads SageMaker data-capture records, from S3 or from a folder, as a stream.

Record format and the layout `<prefix>/<endpoint>/<variant>/yyyy/mm/dd/hh/<file>.jsonl`:
https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html
"""

import base64
import binascii
import gzip
import io
import json
import re
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Literal
from urllib.parse import urlsplit

import boto3
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from monitoring.skips import Kind, Skip, log

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SUFFIXES = (".jsonl", ".jsonl.gz")
GZIP_MAGIC = b"\x1f\x8b"
OBJECTS_IN_FLIGHT = 8

_LAYOUT = re.compile(r"(?P<endpoint>[^/]+)/(?P<variant>[^/]+)/\d{4}/\d{2}/\d{2}/\d{2}/[^/]+$")


class Payload(BaseModel, frozen=True):
    """What went into, or came out of, the model."""

    content_type: str | None = Field(default=None, alias="observedContentType")
    encoding: Literal["BASE64", "JSON", "CSV"]
    data: str

    @property
    def content(self) -> bytes:
        """The payload as it went over the wire; decoded anew at each access.

        Raises:
            ValueError: `data` is not what `encoding` says.
        """
        if self.encoding != "BASE64":
            return self.data.encode()
        try:
            return base64.b64decode(self.data, validate=True)
        except binascii.Error as error:
            raise ValueError(f"data {self.data[:20]!r}... is not BASE64: {error}") from error


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
        location: `s3://bucket/folder`, a local folder, or a single file or object. Below a
            folder, every `*.jsonl` and `*.jsonl.gz` is read, at any depth; gzip is recognised
            by its content. At most `OBJECTS_IN_FLIGHT` + 1 S3 objects are held in memory.
        on_skip: told of every line that is not a capture record; logs a warning if not given.
        s3_client: used for S3 locations; made from the environment if not given.

    Raises:
        FileNotFoundError: there is no such local file or folder. (An S3 folder without objects
            gives no records: an endpoint that was never called has written none.)
    """
    for name, stream in _files(location, s3_client):
        for number, line in _lines(name, stream, on_skip):
            try:
                yield _capture(line, name, number)
            except ValueError as error:
                on_skip(Skip(name, number, _reason(error), Kind.NO_RECORD))


# --- Files ------------------------------------------------------------------------------------


def _files(location: str | Path, s3_client: "S3Client | None") -> Iterator[tuple[str, BinaryIO]]:
    if str(location).startswith("s3://"):
        return _s3_files(str(location), s3_client or boto3.client("s3"))
    return _local_files(Path(location))


def _local_files(location: Path) -> Iterator[tuple[str, BinaryIO]]:
    if not location.exists():
        raise FileNotFoundError(
            f"no captures at {str(location)!r}: name a file, a folder or s3://bucket/folder"
        )
    found = [location] if location.is_file() else location.rglob("*")
    for path in sorted(found, key=Path.as_posix):
        if path == location or (path.is_file() and path.name.endswith(SUFFIXES)):
            with path.open("rb") as stream:
                yield path.absolute().as_posix(), stream


def _s3_files(location: str, client: "S3Client") -> Iterator[tuple[str, BinaryIO]]:
    bucket = urlsplit(location).netloc

    def fetch(key: str) -> tuple[str, BinaryIO]:
        body = client.get_object(Bucket=bucket, Key=key)["Body"].read()
        return f"s3://{bucket}/{key}", io.BytesIO(body)

    with ThreadPoolExecutor(OBJECTS_IN_FLIGHT) as pool:
        in_flight: deque[Future[tuple[str, BinaryIO]]] = deque()
        for key in _s3_keys(location, client):
            in_flight.append(pool.submit(fetch, key))
            if len(in_flight) > OBJECTS_IN_FLIGHT:
                yield in_flight.popleft().result()
        for file in in_flight:
            yield file.result()


def _s3_keys(location: str, client: "S3Client") -> Iterator[str]:
    parts = urlsplit(location)
    prefix = parts.path.strip("/")
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=parts.netloc, Prefix=prefix)
    for page in pages:
        for item in page.get("Contents", []):
            key = item["Key"]
            # A prefix ends anywhere, a folder does not: captures/ must not give captures-old/.
            inside = not prefix or key.startswith(f"{prefix}/")
            if key == prefix or (inside and key.endswith(SUFFIXES)):
                yield key


def _lines(
    name: str, stream: BinaryIO, on_skip: Callable[[Skip], None]
) -> Iterator[tuple[int, bytes]]:
    zipped = stream.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    stream.seek(0)
    number = 0
    try:
        for number, line in enumerate(gzip.GzipFile(fileobj=stream) if zipped else stream, 1):
            if line.strip():
                yield number, line
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        on_skip(
            Skip(name, number + 1, f"not readable as gzip from here on: {error}", Kind.UNREADABLE)
        )


# --- Records ----------------------------------------------------------------------------------


class _Metadata(BaseModel, alias_generator=to_camel):
    event_id: str
    inference_id: str | None = None
    inference_time: datetime


class _Data(BaseModel, alias_generator=to_camel):
    endpoint_input: Payload | None = None
    endpoint_output: Payload | None = None


class _Record(BaseModel, alias_generator=to_camel):
    capture_data: _Data
    event_metadata: _Metadata


_PROBABILITIES = TypeAdapter(
    Annotated[
        tuple[Annotated[float, Field(ge=0, le=1, allow_inf_nan=False, strict=True)], ...],
        Field(min_length=1),
    ]
)


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
        input=record.capture_data.endpoint_input,
        probabilities=None if output is None else _probabilities(output),
    )


def _utc(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _probabilities(output: Payload) -> tuple[float, ...]:
    text = output.content.decode().strip()
    try:
        # A CSV row of numbers is the inside of a JSON list.
        values = json.loads(text if text.startswith(("[", "{")) else f"[{text}]")
        # Batch transform wraps the list: {"prediction": [...]}
        return _PROBABILITIES.validate_python(
            values["prediction"] if isinstance(values, dict) else values
        )
    except (KeyError, ValueError) as error:
        raise ValueError(f"output {text[:60]!r} is not a list of probabilities") from error


def _reason(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first, *_ = error.errors()
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "literal_error":
        return f"{where} = {first['input']!r}: {first['msg']}"
    return f"{where}: {first['msg']}" if where else first["msg"]
