"""Read files from S3 or a folder: capture files line by line, others whole."""

import codecs
import gzip
import os
import shutil
import tempfile
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

from botocore.exceptions import ClientError

from analysis.skipped_lines import Kind, SkippedLine
from lambda_src.shared import json_limits
from operations.aws import session
from settings.s3_uris import S3Uri, is_s3

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SUFFIXES = (".jsonl", ".jsonl.gz")
GZIP_MAGIC = b"\x1f\x8b"

OBJECTS_IN_FLIGHT = 8
BYTES_IN_MEMORY = 2**20
"""Largest S3 object held in memory; a larger one goes to a temporary file."""

# Errors of one object that say nothing about the others: gone since the listing, archived, or
# encrypted with a key we may not use.
_OBJECT_ERRORS = ("NoSuchKey", "404", "InvalidObjectState", "AccessDenied", "403")

OnSkip = Callable[[SkippedLine], None]


def lines(
    location: str | Path, *, on_skip: OnSkip, s3_client: "S3Client | None" = None
) -> Iterator[tuple[str, int, bytes]]:
    """Yield file, line number and content of every line that is neither blank nor too large.

    Arguments and errors are those of `analysis.read`. The limits are the drift detector's, so that
    a report counts what the detector counts.
    """
    if is_s3(location):
        client = s3_client or session().client("s3")
        files = _s3_files(S3Uri.parse(str(location)), on_skip, client)
    else:
        files = _local_files(Path(location), on_skip)
    for name, stream in files:
        for number, line in _lines(name, stream, on_skip):
            yield name, number, line


def name_of(path: str | Path) -> str:
    """Return the name of a file as text; bytes that are not UTF-8 are escaped."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _local_files(location: Path, on_skip: OnSkip) -> Iterator[tuple[str, IO[bytes]]]:
    if not location.exists():
        raise FileNotFoundError(
            f"nothing at {str(location)!r}: name a file, a folder or s3://bucket/folder"
        )
    found = [location] if location.is_file() else location.rglob("*")
    for path in sorted(found, key=Path.as_posix):
        if path == location or (path.name.endswith(SUFFIXES) and not path.is_dir()):
            name = name_of(path.absolute())
            if path.exists() and not path.is_file():  # a pipe or a device may never end
                on_skip(SkippedLine(name, 0, "is not a file", Kind.UNREADABLE))
                continue
            try:
                stream = path.open("rb")
            except OSError as error:
                reason = f"cannot be opened: {error.strerror}"
                on_skip(SkippedLine(name, 0, reason, Kind.UNREADABLE))
                continue
            with stream:
                yield name, stream


def _s3_files(
    location: S3Uri, on_skip: OnSkip, client: "S3Client"
) -> Iterator[tuple[str, IO[bytes]]]:
    fetch = partial(_fetch, client, location.bucket)
    for key, future in _ahead(fetch, _s3_keys(location, client)):
        name = str(S3Uri(location.bucket, key))
        try:
            stream = future.result()
        except ClientError as error:
            if error.response["Error"]["Code"] not in _OBJECT_ERRORS:
                raise
            on_skip(SkippedLine(name, 0, f"cannot be fetched: {error}", Kind.UNREADABLE))
            continue
        with stream:
            yield name, stream


def _fetch(client: "S3Client", bucket: str, key: str) -> IO[bytes]:
    stream = tempfile.SpooledTemporaryFile(BYTES_IN_MEMORY)  # noqa: SIM115 - the reader closes it
    shutil.copyfileobj(client.get_object(Bucket=bucket, Key=key)["Body"], stream)
    stream.seek(0)
    return stream


def _ahead(
    fetch: Callable[[str], IO[bytes]], keys: Iterable[str]
) -> Iterator[tuple[str, Future[IO[bytes]]]]:
    """Fetch `OBJECTS_IN_FLIGHT` objects ahead of the one that is being read, in order."""
    with ThreadPoolExecutor(OBJECTS_IN_FLIGHT) as pool:
        in_flight: deque[tuple[str, Future[IO[bytes]]]] = deque()
        for key in keys:
            in_flight.append((key, pool.submit(fetch, key)))
            if len(in_flight) > OBJECTS_IN_FLIGHT:
                yield in_flight.popleft()
        yield from in_flight


def _s3_keys(location: S3Uri, client: "S3Client") -> Iterator[str]:
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket=location.bucket, Prefix=location.key
    )
    # As a prefix, captures would include captures-old/.
    folder = location.key if location.key.endswith("/") else f"{location.key}/"
    for page in pages:
        for item in page.get("Contents", []):
            key = item["Key"]
            inside = not location.key or key.startswith(folder)
            if key == location.key or (inside and key.endswith(SUFFIXES)):
                yield key


def _lines(name: str, stream: IO[bytes], on_skip: OnSkip) -> Iterator[tuple[int, bytes]]:
    zipped = stream.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    stream.seek(0)
    number = 0
    try:
        unzipped = gzip.GzipFile(fileobj=stream) if zipped else stream
        for number, line in enumerate(json_limits.lines(unzipped), 1):
            text = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
            if reason := json_limits.excess(text):
                on_skip(SkippedLine(name, number, reason, Kind.UNREADABLE))
            elif text.strip():
                yield number, text
    except ValueError as error:
        on_skip(SkippedLine(name, number + 1, str(error), Kind.UNREADABLE))
    except (EOFError, OSError, zlib.error) as error:
        reason = f"not readable{' as gzip' if zipped else ''} from here on: {error}"
        on_skip(SkippedLine(name, number + 1, reason, Kind.UNREADABLE))


def content_of(location: str, s3_client: "S3Client | None") -> bytes:
    """Return the content of a local file, or of an S3 object by `client_for` it.

    Raises:
        FileNotFoundError: it does not exist or cannot be read.
        S3UriError: the location looks like S3, but names no object there.
    """
    if s3_client is None:
        try:
            return Path(location).read_bytes()
        except OSError as error:
            raise FileNotFoundError(f"{location} cannot be read: {error.strerror}") from error
    uri = S3Uri.parse_object(location)
    try:
        return s3_client.get_object(Bucket=uri.bucket, Key=uri.key)["Body"].read()
    except s3_client.exceptions.NoSuchKey as error:
        raise FileNotFoundError(f"{location} does not exist") from error


def client_for(location: str) -> "S3Client | None":
    """Return a client for an S3 location, None for a local one."""
    return session().client("s3") if is_s3(location) else None
