"""A finished model that is deployed instead of training one."""

from collections.abc import Iterator

from botocore.exceptions import ClientError

from preflight.aws import Aws
from preflight.finding import Finding, Verdict
from settings import Settings


def given_model(aws: Aws, settings: Settings) -> Iterator[Finding]:
    """The model of `training.model_data_url` is there."""
    url = settings.training.model_data_url
    if url is None:
        yield Finding(Verdict.OK, "none; the deployment trains one")
        return
    bucket, _, key = url.removeprefix("s3://").partition("/")
    try:
        # One byte, because the reply to HeadObject has no body to tell an error with.
        aws.client("s3").get_object(Bucket=bucket, Key=key, Range="bytes=0-0")
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("NoSuchBucket", "NoSuchKey"):
            raise
        yield Finding(
            Verdict.PROBLEM,
            f"{url} does not exist",
            "another training.model_data_url, or none, to train a model",
        )
    else:
        yield Finding(Verdict.OK, f"{url} exists")
