"""Who calls, and where to."""

import os
from collections.abc import Iterator

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    NoRegionError,
)

from operations.preflight.clients import Aws
from operations.preflight.findings import Finding, Verdict
from settings import Settings

LOG_IN = (
    "`aws sso login` or `aws configure`, and AWS_PROFILE for a profile that is not the default; "
    'for the local cloud: eval "$(scones local env)"'
)


def credentials(aws: Aws, _settings: Settings) -> Iterator[Finding]:
    """There are credentials, and AWS accepts them."""
    try:
        identity = aws.client("sts").get_caller_identity()
    except (ConnectionError, HTTPClientError, NoRegionError):
        raise  # says nothing of the credentials
    except BotoCoreError as error:
        yield Finding(Verdict.PROBLEM, f"no credentials: {error}", LOG_IN)
    except ClientError as error:
        yield Finding(Verdict.PROBLEM, f"AWS does not accept the credentials: {error}", LOG_IN)
    else:
        yield Finding(Verdict.OK, f"account {identity['Account']} as {identity['Arn']}")


def region(aws: Aws, _settings: Settings) -> Iterator[Finding]:
    """There is a region: without one, the CDK CLI would take us-east-1."""
    try:
        deployed_to = aws.region
    except NoRegionError:
        yield Finding(
            Verdict.PROBLEM,
            "no region is set; cdk would deploy to us-east-1, and staging would refuse",
            "export AWS_REGION=..., or aws configure set region ...",
        )
    else:
        endpoint = os.environ.get("AWS_ENDPOINT_URL")
        yield Finding(Verdict.OK, f"{deployed_to} at {endpoint}" if endpoint else deployed_to)
