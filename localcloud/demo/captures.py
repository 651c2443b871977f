"""Brings the captures from S3 to a folder, where they outlive the buckets."""

import time
from pathlib import Path

from analysis import read
from analysis.records import BASELINE_PREFIX
from localcloud.steps import Say
from operations.aws import session
from settings.s3_uris import S3Uri
from training.paths import writable_path

LOOKS = 30
"""Times that captures are looked for: all are read each time, so not too often for a long wait."""


def wait_for(location: str, *, expected: int, within_seconds: float, say: Say) -> int:
    """Number of capture records at `s3://...`, as soon as there are `expected`, or at the end.

    The calls by which the deployment measures its baseline are captured, too; they do not count.
    """
    deadline = time.monotonic() + within_seconds
    while True:
        captured = read(location, s3_client=session().client("s3"))
        records = sum(
            not (each.inference_id or "").startswith(BASELINE_PREFIX) for each in captured
        )
        if records >= expected or time.monotonic() > deadline:
            return records
        say(f"{records} of {expected}")
        time.sleep(within_seconds / LOOKS)


def copy(location: str, folder: Path) -> None:
    """Copy every object below `s3://bucket/prefix` into `folder`, with the folders between.

    Raises:
        ValueError: a key would lead out of `folder`.
    """
    uri, s3 = S3Uri.parse(location), session().client("s3")
    prefix = uri.key.removesuffix("/")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=uri.bucket, Prefix=f"{prefix}/")
    for item in pages.search("Contents[]"):
        if item is not None and not item["Key"].endswith("/"):  # the console's empty folders
            file = _file(folder, item["Key"], prefix, uri.bucket)
            file.parent.mkdir(parents=True, exist_ok=True)
            s3.download_file(uri.bucket, item["Key"], str(file))


def _file(folder: Path, key: str, prefix: str, bucket: str) -> Path:
    try:
        return writable_path(folder, key.removeprefix(f"{prefix}/"))
    except ValueError as error:
        raise ValueError(
            f"key {key!r} in bucket {bucket} cannot be copied to a folder: {error}; "
            "remove the object"
        ) from error
