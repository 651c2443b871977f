"""Copy the captures from S3 to a folder, where they outlive the bucket."""

import time
from pathlib import Path

from analysis import read
from analysis.records import BASELINE_PREFIX
from localcloud.deployment import Application
from localcloud.steps import Say
from operations.aws import session
from settings.s3_uris import S3Uri
from training.paths import writable_path

LOOKS = 30
"""How often to look for captures while waiting; each look reads them all."""


def collect(application: Application, folder: Path, *, expected: int, within_seconds: float) -> int:
    """Wait for the captures and copy them into `folder`; return the number of records."""
    location = application.output("Inference", "CaptureUri")
    with application.steps.step("read the captures") as say:
        records = wait_for(location, expected=expected, within_seconds=within_seconds, say=say)
        copy(location, folder)
        return records


def wait_for(location: str, *, expected: int, within_seconds: float, say: Say) -> int:
    """Return the number of records at `s3://...` once it reaches `expected`, or when time is up.

    Calls that measure the baseline of a deployment are captured as well, but do not count.
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
    """Copy every object below `s3://bucket/prefix`; raise ValueError for a key outside `folder`."""
    uri, s3 = S3Uri.parse(location), session().client("s3")
    prefix = uri.key.removesuffix("/")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=uri.bucket, Prefix=f"{prefix}/")
    for item in pages.search("Contents[]"):
        if item is None or item["Key"].endswith("/"):  # nothing, or a folder of the console
            continue
        key = item["Key"]
        try:
            file = writable_path(folder, key.removeprefix(f"{prefix}/"))
        except ValueError as error:
            raise ValueError(
                f"key {key!r} in bucket {uri.bucket} cannot be copied to a folder: {error}; "
                "remove the object"
            ) from error
        file.parent.mkdir(parents=True, exist_ok=True)
        s3.download_file(uri.bucket, key, str(file))
