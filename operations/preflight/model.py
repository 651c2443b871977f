"""Models that are there already: one that is deployed, or one that training starts from."""

from collections.abc import Iterator

from botocore.exceptions import ClientError

from operations.preflight.clients import Aws
from operations.preflight.findings import Finding, Verdict
from settings import Settings
from settings.s3_uris import S3Uri


def given_model(aws: Aws, settings: Settings) -> Iterator[Finding]:
    """The model that the settings name is there; they name at most one."""
    training = settings.training
    for key, url, instead in (
        ("model_data_url", training.model_data_url, "to train a model"),
        ("initial_model_data_url", training.initial_model_data_url, "to start from none"),
    ):
        if url:
            yield _look(aws, url, f"another training.{key}, or none, {instead}")
            return
    yield Finding(Verdict.OK, "none; the deployment trains one")


def _look(aws: Aws, url: str, remedy: str) -> Finding:
    uri = S3Uri.parse_object(url)
    try:
        # One byte, because the reply to HeadObject has no body to tell an error with.
        aws.client("s3").get_object(Bucket=uri.bucket, Key=uri.key, Range="bytes=0-0")
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("NoSuchBucket", "NoSuchKey"):
            raise
        return Finding(Verdict.PROBLEM, f"{url} does not exist", remedy)
    return Finding(Verdict.OK, f"{url} exists")
