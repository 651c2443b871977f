"""Reach the datasets in the data bucket: thousands of small objects, a manifest, a pointer."""

from typing import TYPE_CHECKING

from botocore.config import Config
from botocore.handlers import add_expect_header

from operations.aws import session
from settings import Settings
from training import manifest
from training.dataset import FOLDER, MANIFEST
from training.manifest import Manifest
from training.preparation.prepare import READERS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

WORKERS = 16

CONFIG = Config(
    # One connection for each thread, or they would wait for each other.
    max_pool_connections=max(WORKERS, READERS),
    retries={"mode": "standard", "max_attempts": 5},
    # Small files cost what their requests cost. Without a checksum, botocore signs the SHA-256 of
    # the content instead, which S3 compares as well; without a name, it composes a description of
    # this machine for every request.
    request_checksum_calculation="when_required",
    user_agent="scones-staging",
)


def s3_client() -> "S3Client":
    """Return a client for many small objects."""
    s3 = session().client("s3", config=CONFIG)
    # "Expect: 100-continue" costs a round trip, as long as the picture itself.
    s3.meta.events.unregister("before-call.s3", add_expect_header)
    return s3


def content(s3: "S3Client", bucket: str, key: str) -> bytes:
    """Return the content of an object."""
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def sizes(s3: "S3Client", bucket: str, prefix: str) -> dict[str, int]:
    """Return the sizes of the objects below `prefix`, by relative path."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return {
        item["Key"].removeprefix(prefix): item["Size"]
        for page in pages
        for item in page.get("Contents", ())
    }


def pointed_at(settings: Settings) -> str | None:
    """Return the prefix that the SSM parameter holds; None if it does not exist or names none."""
    ssm = session().client("ssm", config=CONFIG)
    found = ssm.get_parameters(Names=[settings.dataset_parameter])["Parameters"]
    values = [parameter["Value"] for parameter in found]
    return next((value for value in values if value.startswith(f"{FOLDER}/")), None)


def read_manifest(s3: "S3Client", bucket: str, prefix: str) -> Manifest | None:
    """Return the manifest of a dataset; None if there is no valid one."""
    key = f"{prefix}/{MANIFEST}"
    try:
        return manifest.parse(content(s3, bucket, key), key)
    except (s3.exceptions.NoSuchKey, ValueError):
        return None


def descends(s3: "S3Client", bucket: str, descendant: Manifest, digest: str) -> bool:
    """Tell whether labels from production made a dataset from the one with the digest."""
    current: Manifest | None = descendant
    while current and current.parent:
        if current.parent == digest:
            return True
        current = read_manifest(s3, bucket, f"{FOLDER}/{current.parent}")
    return False
