"""Find and read pictures at places, which are S3 URIs and absolute paths."""

import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from settings.s3_uris import S3Uri, is_s3
from training.reading import file_version, read_file, read_object

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

WORKERS = 16
WORTH_LISTING = 10
"""Objects of a folder for which a page of its list, with up to 1,000 of them, is requested: it
takes as long as looking these up one by one."""

# By status, as S3 answers such a request without a body.
_MISSING = {
    400: "S3 refuses the request",
    403: "S3 denies access",
    404: "no such object or bucket",
}


@dataclass(frozen=True, slots=True)
class Found:
    """A file or an object."""

    size: int
    """Bytes."""
    version: str
    """Differs when the content differs."""


def find_places(places: Collection[str], s3: Callable[[], "S3Client"]) -> dict[str, Found | str]:
    """Return what is at each place: a picture's size and version, or why there is none."""
    uris = {place: S3Uri.parse(place) for place in places if is_s3(place)}
    objects = _find_objects(uris.values(), s3()) if uris else {}
    return {
        place: objects[uris[place]] if place in uris else _find_file(Path(place))
        for place in places
    }


def read_place(place: str, version: str, s3: Callable[[], "S3Client"]) -> bytes:
    """Return the picture's file at a place, as it was when it was found.

    Raises:
        PictureRefusedError: it is gone, has changed, is too large or archived.
        OSError, ClientError, BotoCoreError: it cannot be read.
    """
    if is_s3(place):
        uri = S3Uri.parse_object(place)
        return read_object(s3(), uri.bucket, uri.key, version)
    return read_file(Path(place), version)


def _find_file(path: Path) -> Found | str:
    try:
        status = path.stat()
    except OSError as error:
        return str(error.strerror)
    if not stat.S_ISREG(status.st_mode):
        return "is not a file"
    return Found(status.st_size, file_version(status))


def _find_objects(uris: Iterable[S3Uri], s3: "S3Client") -> dict[S3Uri, Found | str]:
    """Return what each object is, or why there is none."""

    def folder(uri: S3Uri) -> tuple[str, str]:
        return uri.bucket, uri.key[: uri.key.rfind("/") + 1]

    wanted = sorted(set(uris), key=folder)
    folders = [(*where, frozenset(each)) for where, each in groupby(wanted, key=folder)]
    with ThreadPoolExecutor(WORKERS) as pool:
        found: dict[S3Uri, Found | str] = {}
        for listed in pool.map(lambda each: dict(_listed(s3, *each)), folders):
            found |= listed
        rest = [uri for uri in wanted if uri not in found]
        found |= zip(rest, pool.map(partial(_head, s3), rest), strict=True)
    return found


def _listed(
    s3: "S3Client", bucket: str, folder: str, wanted: frozenset[S3Uri]
) -> Iterator[tuple[S3Uri, Found]]:
    """Yield objects of a folder that listing finds sooner than looking them up one by one."""
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=folder, Delimiter="/"
    )
    worth = len(wanted) // WORTH_LISTING
    try:
        for _, page in zip(range(worth), pages, strict=False):
            for item in page.get("Contents", ()):
                uri = S3Uri(bucket, item["Key"])
                if uri in wanted:
                    yield uri, Found(item["Size"], item["ETag"])
    except ClientError:
        return  # who may not list may look up, or learns the reason there


def _head(s3: "S3Client", uri: S3Uri) -> Found | str:
    try:
        reply = s3.head_object(Bucket=uri.bucket, Key=uri.key)
    except ClientError as error:
        reason = _MISSING.get(error.response["ResponseMetadata"]["HTTPStatusCode"])
        if reason is None:
            raise
        return reason
    return Found(reply["ContentLength"], reply["ETag"])
