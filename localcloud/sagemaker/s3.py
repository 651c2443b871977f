"""S3 of the emulator over HTTP, as a role. Never call it on the thread of the event loop."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import boto3
from botocore.config import Config

from localcloud.emulator.enforcement.judge import session_of
from localcloud.emulator.extension import endpoint_url
from localcloud.sagemaker.contract import Failure, invalid
from localcloud.sagemaker.records import Scope
from training.paths import relative_path

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PARALLEL_DOWNLOADS: Final = 8
_client_lock = threading.Lock()
# One session for all roles: each would load its own copy of S3's model, some 12 MB.
_session = boto3.session.Session()


@dataclass(frozen=True, kw_only=True)
class Access:
    """The role with which SageMaker runs a job or serves a model."""

    scope: Scope
    role: str


def client(access: Access) -> "S3Client":
    """Return the S3 client that signs as a role; safe for use by several threads."""
    with _client_lock:  # making a client is not thread-safe, using it is
        return _new_client(access)


@lru_cache(maxsize=32)
def _new_client(access: Access) -> "S3Client":
    credentials = session_of(access.role, "SageMaker")
    return _session.client(
        "s3",
        endpoint_url=endpoint_url(),
        region_name=access.scope.region,
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        aws_session_token=credentials.token,
        config=Config(
            s3={"addressing_style": "path"},
            max_pool_connections=2 * _PARALLEL_DOWNLOADS,
            retries={"mode": "standard", "total_max_attempts": 3},
        ),
    )


def split_uri(uri: str) -> tuple[str, str]:
    """Return bucket and key (or prefix) of `s3://bucket/key`, or refuse the request."""
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise invalid(f"{uri} is not of the form s3://bucket/key.")
    return bucket, key


def download_prefix(access: Access, uri: str, folder: Path) -> int:
    """Download every object below `uri` into `folder`, in parallel, and return their number.

    Like SageMaker's S3Prefix, `s3://b/data/train` matches by text: `data/train/1.png` becomes
    `1.png`, and a single object `data/train.lst` becomes `train.lst`.

    Raises:
        Failure: a key does not lead below `folder`.
        botocore.exceptions.ClientError: the bucket does not exist or may not be read.
    """
    bucket, prefix = split_uri(uri)
    targets: list[tuple[str, Path]] = []
    for key in keys(access, bucket, prefix):
        try:
            targets.append((key, folder / relative_path(relative_key(key, prefix))))
        except ValueError as error:
            raise Failure(f"ClientError: Data download failed: key {key!r}: {error}.") from error
    for parent in {target.parent for _, target in targets}:
        parent.mkdir(parents=True, exist_ok=True)
    s3 = client(access)

    def fetch(key: str, target: Path) -> None:
        # download_file would ask for the size first: twice the requests for small files.
        target.write_bytes(s3.get_object(Bucket=bucket, Key=key)["Body"].read())

    with ThreadPoolExecutor(_PARALLEL_DOWNLOADS) as pool:
        list(pool.map(lambda pair: fetch(*pair), targets))
    return len(targets)


def keys(access: Access, bucket: str, prefix: str) -> Iterator[str]:
    """Yield the keys of all objects below `prefix`."""
    pages = client(access).get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    for page in pages:
        for item in page.get("Contents", []):
            if not item["Key"].endswith("/"):  # how the console marks empty folders
                yield item["Key"]


def relative_key(key: str, prefix: str) -> str:
    """Return `key` without the folder that `prefix` is or is in: `1.png` for `train/1.png`.

    Different keys stay different: `train//1.png` becomes `/1.png`.
    """
    within = prefix if key.startswith(f"{prefix.rstrip('/')}/") else prefix.rpartition("/")[0]
    return key.removeprefix(f"{within.rstrip('/')}/") if within else key
