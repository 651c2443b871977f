"""Brings a dataset into the data bucket, and points the deployment at it."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from botocore.config import Config
from botocore.handlers import add_expect_header
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from operations.aws import errors_in_words, session, stack_output
from settings import Settings
from training.dataset import Dataset

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

STORAGE_STACK = "Storage"
BUCKET_OUTPUT = "DataBucketName"
WORKERS = 16

_CONTENT_TYPES = {
    ".png": "image/png",
    ".lst": "text/tab-separated-values",
    ".json": "application/json",
}
_CONFIG = Config(
    # One connection a worker, or they would wait for each other.
    max_pool_connections=WORKERS,
    retries={"mode": "standard", "max_attempts": 5},
    # Small files cost what their requests cost, and these two make one cheaper: where there is no
    # checksum, botocore signs the SHA-256 of the content instead, which S3 compares as well; and
    # unless it is given a name, it composes a description of this machine for every request.
    request_checksum_calculation="when_required",
    user_agent="scones-staging",
)


def data_bucket(settings: Settings) -> str:
    """Name of the data bucket, from the storage stack's output.

    Raises:
        AwsError: no credentials, no region, the stack is not deployed, or AWS refuses.
    """
    return stack_output(settings, STORAGE_STACK, BUCKET_OUTPUT)


def upload(dataset: Dataset, bucket: str, *, console: Console | None = None) -> int:
    """Upload what the bucket lacks, the manifest last; gives the number of files uploaded.

    Raises:
        AwsError: no credentials, no region, or AWS refuses.
    """
    with errors_in_words():
        s3 = session().client("s3", config=_CONFIG)
        # Asking first whether S3 would take it costs a round trip, as long as the picture itself.
        s3.meta.events.unregister("before-call.s3", add_expect_header)
        present = _sizes(s3, bucket, f"{dataset.prefix}/")
        # The prefix is a digest of the contents, and S3 stores whole objects or none: a key of
        # the right size is the right object.
        data, manifest = (
            [(path, content) for path, content in files if present.get(path) != len(content)]
            for files in (dataset.data_files(), [dataset.manifest_file()])
        )

        def put(file: tuple[str, bytes]) -> None:
            path, content = file
            s3.put_object(
                Bucket=bucket,
                Key=f"{dataset.prefix}/{path}",
                Body=content,
                ContentType=_CONTENT_TYPES[PurePosixPath(path).suffix],
            )

        if data:
            pool = ThreadPoolExecutor(WORKERS)
            try:
                with _progress(console) as progress:
                    puts = progress.track(pool.map(put, data), len(data), description="Uploading")
                    for _ in puts:
                        pass
            finally:
                # After an error none begins, and none is waited for: each may try for a while.
                pool.shutdown(wait=False, cancel_futures=True)
        for file in manifest:
            put(file)
    return len(data) + len(manifest)


def point(settings: Settings, dataset: Dataset) -> bool:
    """Let the SSM parameter name the dataset; false if it does already.

    Raises:
        AwsError: no credentials, no region, or AWS refuses.
    """
    name = settings.dataset_parameter
    with errors_in_words():
        ssm = session().client("ssm", config=_CONFIG)
        found = ssm.get_parameters(Names=[name])["Parameters"]
        if [parameter["Value"] for parameter in found] == [dataset.prefix]:
            return False
        ssm.put_parameter(Name=name, Value=dataset.prefix, Type="String", Overwrite=True)
    return True


def _sizes(s3: "S3Client", bucket: str, prefix: str) -> dict[str, int]:
    """Sizes of the objects below `prefix`, by relative path."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return {
        item["Key"].removeprefix(prefix): item["Size"]
        for page in pages
        for item in page.get("Contents", ())
    }


def _progress(console: Console | None) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
    )
