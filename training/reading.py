"""Read pictures' files, from disk or from S3, as they were when they were listed."""

import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import (
    ClientError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from training.errors import PictureRefusedError
from training.preparation.uniform import check_size

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CHANGED = "changed while it was staged; stage again"
_REFUSED_OBJECTS = {
    "NoSuchKey": "does not exist",
    "PreconditionFailed": _CHANGED,
    "InvalidObjectState": "is archived in Glacier; restore it",
}
_BROKEN_TRANSFER = (IncompleteReadError, ReadTimeoutError, ResponseStreamingError)
_ATTEMPTS = 3


def file_version(status: os.stat_result) -> str:
    """Return what differs when the content of the file differs, or another file has its path."""
    # The time of the last change to the file, unlike that of its content, cannot be set back.
    return f"{status.st_dev:x}-{status.st_ino:x}-{status.st_size:x}-{status.st_ctime_ns:x}"


def read_file(path: Path, version: str) -> bytes:
    """Return the content of the file whose `file_version` was `version`.

    Raises:
        OSError: it cannot be read.
        PictureRefusedError: it is too large, or has changed.
    """
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        if file_version(status) != version:
            raise PictureRefusedError(_CHANGED)
        check_size(status.st_size)
        return file.read(status.st_size)  # one of /proc, linked here, may have no end


def read_object(s3: "S3Client", bucket: str, key: str, version: str) -> bytes:
    """Return the content of the object whose ETag was `version`.

    Raises:
        PictureRefusedError: it is too large, has changed, does not exist or is archived.
        ClientError, BotoCoreError: another error of AWS, or AWS cannot be reached.
    """
    attempt = 1
    while True:
        try:
            reply = s3.get_object(Bucket=bucket, Key=key, IfMatch=version)
            with closing(reply["Body"]) as body:
                check_size(reply["ContentLength"])
                return body.read()
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code not in _REFUSED_OBJECTS:
                raise
            raise PictureRefusedError(_REFUSED_OBJECTS[code]) from error
        except _BROKEN_TRANSFER:
            # botocore tries again until a reply begins, and not after that.
            if attempt == _ATTEMPTS:
                raise
            attempt += 1
