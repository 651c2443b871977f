"""Write and read the datasets in the data bucket, and the pointer to the one that is deployed."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from botocore.config import Config
from botocore.handlers import add_expect_header
from rich.console import Console

from operations.aws import errors_in_words, session, stack_output
from settings import Settings
from training import dataset, manifest
from training.dataset import FOLDER, Dataset, File, StagedObject
from training.manifest import Manifest
from training.pictures import SPLITS
from training.preparation.prepare import READERS
from training.progress import file_progress

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

STORAGE_STACK = "Storage"
BUCKET_OUTPUT = "DataBucketName"
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

_CONTENT_TYPES = {
    ".png": "image/png",
    ".lst": "text/tab-separated-values",
    ".csv": "text/csv",
    ".json": "application/json",
}


@dataclass(frozen=True)
class StagedPictures:
    """The pictures of the dataset in S3."""

    source: str
    """Its kind, such as "cifar-100"."""
    train: int
    """Pictures in train.lst."""
    ground_truth: dict[str, str]
    """Class name by S3 key of each picture in validation.lst, in its order."""


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
    key = f"{prefix}/{manifest.FILE}"
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


def data_bucket(settings: Settings) -> str:
    """Return the name of the data bucket."""
    return stack_output(settings, STORAGE_STACK, BUCKET_OUTPUT)


def read_staged(settings: Settings) -> StagedPictures:
    """Return the dataset that the SSM parameter points at."""
    bucket = data_bucket(settings)
    with errors_in_words():
        ssm, s3 = session().client("ssm"), session().client("s3")
        prefix = ssm.get_parameter(Name=settings.dataset_parameter)["Parameter"]["Value"]
        described = manifest.parse(content(s3, bucket, f"{prefix}/{manifest.FILE}"), prefix)
        train, validation = (
            content(s3, bucket, f"{prefix}/{split}.lst").decode().splitlines() for split in SPLITS
        )
    rows = [line.split("\t") for line in validation]
    return StagedPictures(
        source=described.source,
        train=len(train),
        ground_truth={
            f"{prefix}/validation/{path}": described.classes[int(label)] for _, label, path in rows
        },
    )


def upload(selected: Dataset, bucket: str, *, console: Console | None = None) -> int:
    """Upload the files that the bucket lacks, the manifest last; return how many those were.

    Pictures are read from disk as they go. S3 copies those of an earlier dataset.
    """
    with errors_in_words():
        s3 = s3_client()
        prefix = f"{selected.prefix}/"
        present = sizes(s3, bucket, prefix)
        # The prefix is a digest of the contents, and S3 stores whole objects or none: a key of
        # the right size is the right object.
        data = [file for file in selected.data_files() if present.get(file.path) != file.size]
        pictures_csv, manifest_file = selected.descriptions()
        descriptions = [
            file for file in (pictures_csv, manifest_file) if present.get(file.path) != file.size
        ]
        # The digest does not cover them; the manifest has the hash of the other.
        if (
            not descriptions
            and content(s3, bucket, prefix + manifest_file.path) != manifest_file.content
        ):
            descriptions = [pictures_csv, manifest_file]

        def put(file: File) -> None:
            if isinstance(file.content, StagedObject):
                s3.copy_object(
                    Bucket=bucket,
                    Key=prefix + file.path,
                    CopySource={"Bucket": bucket, "Key": file.content.key},
                )
                return
            s3.put_object(
                Bucket=bucket,
                Key=prefix + file.path,
                Body=dataset.read(file),
                ContentType=_CONTENT_TYPES[PurePosixPath(file.path).suffix],
            )

        if data:
            pool = ThreadPoolExecutor(WORKERS)
            try:
                with file_progress(console) as progress:
                    puts = progress.track(
                        _in_turn(pool, put, data), len(data), description="Uploading"
                    )
                    for _ in puts:
                        pass
            finally:
                # After an error, start none and wait for none: each may retry for a while.
                pool.shutdown(wait=False, cancel_futures=True)
        for file in descriptions:
            put(file)
    return len(data) + len(descriptions)


def _in_turn(
    pool: ThreadPoolExecutor, put: Callable[[File], None], files: Iterable[File]
) -> Iterator[None]:
    """Put the files in several threads, with few of them waiting."""
    waiting: deque[Future[None]] = deque()
    for file in files:
        if len(waiting) == 4 * WORKERS:
            yield waiting.popleft().result()
        waiting.append(pool.submit(put, file))
    for each in waiting:
        yield each.result()


def point(settings: Settings, selected: Dataset) -> bool:
    """Set the SSM parameter to the dataset; return False if it names the dataset already."""
    with errors_in_words():
        if pointed_at(settings) == selected.prefix:
            return False
        session().client("ssm", config=CONFIG).put_parameter(
            Name=settings.dataset_parameter, Value=selected.prefix, Type="String", Overwrite=True
        )
    return True
