"""Brings a dataset into the data bucket, and points the deployment at it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from settings import Settings
from training.dataset import Dataset
from training.errors import StagingError

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
# One connection a worker, or they would wait for each other.
_CONFIG = Config(max_pool_connections=WORKERS, retries={"mode": "standard", "max_attempts": 5})


def data_bucket(settings: Settings) -> str:
    """Name of the data bucket, from the storage stack's output.

    Raises:
        StagingError: no credentials, no region, the stack is not deployed, or AWS refuses.
    """
    stack = settings.stack_name(STORAGE_STACK)
    remedy = f"deploy it first: cdk deploy {stack} -c environment={settings.environment}"
    with _aws_errors_in_words():
        try:
            stacks = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
        except ClientError as error:
            # CloudFormation has no error code of its own for a stack that is not there.
            if "does not exist" not in error.response["Error"]["Message"]:
                raise
            raise StagingError(f"stack {stack} does not exist; {remedy}") from error
    for output in stacks[0].get("Outputs", ()):
        if output.get("OutputKey") == BUCKET_OUTPUT:
            return output["OutputValue"]
    raise StagingError(
        f"stack {stack} ({stacks[0]['StackStatus']}) has no output {BUCKET_OUTPUT}; {remedy}"
    )


def upload(dataset: Dataset, bucket: str, *, console: Console | None = None) -> int:
    """Upload what the bucket lacks, the manifest last; gives the number of files uploaded.

    Raises:
        StagingError: no credentials, no region, or AWS refuses.
    """
    with _aws_errors_in_words():
        s3 = boto3.client("s3", config=_CONFIG)
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
            with _progress(console) as progress, ThreadPoolExecutor(WORKERS) as pool:
                for _ in progress.track(pool.map(put, data), len(data), description="Uploading"):
                    pass
        for file in manifest:
            put(file)
    return len(data) + len(manifest)


def point(settings: Settings, dataset: Dataset) -> bool:
    """Let the SSM parameter name the dataset; false if it does already.

    Raises:
        StagingError: no credentials, no region, or AWS refuses.
    """
    name = settings.dataset_parameter
    with _aws_errors_in_words():
        ssm = boto3.client("ssm", config=_CONFIG)
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


@contextmanager
def _aws_errors_in_words() -> Iterator[None]:
    try:
        yield
    except NoCredentialsError as error:
        raise StagingError(
            "no AWS credentials found; set AWS_PROFILE or run `aws configure`, "
            "or for the local cloud the variables that `python -m localcloud up` prints"
        ) from error
    except NoRegionError as error:
        raise StagingError(
            "no AWS region set; set AWS_DEFAULT_REGION, or a region in the profile"
        ) from error
    except (BotoCoreError, ClientError) as error:
        raise StagingError(f"AWS: {error}") from error


def _progress(console: Console | None) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
    )
