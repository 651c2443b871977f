"""Checks of the account and the region: credentials, bootstrap, algorithm, endpoint name."""

import json
import os
from collections.abc import Iterator
from importlib.resources import files

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    NoRegionError,
)

from operations.aws import is_missing_stack
from operations.preflight.clients import Aws
from operations.preflight.findings import Finding, ok, problem
from settings import Settings

LOG_IN = (
    "`aws sso login` or `aws configure`, and AWS_PROFILE for a profile that is not the default; "
    'for the local cloud: eval "$(scones local env)"'
)

# The templates require it, as a test checks. Importing aws_cdk for it would take longer than all
# the checks.
VERSION_PARAMETER = "/cdk-bootstrap/hnb659fds/version"
REQUIRED_VERSION = 6

# The table of stacks/constructs/common/algorithm_image.py, which itself would import aws_cdk.
TABLE = files("stacks.constructs.common") / "algorithm_registries.json"

ENDPOINT_STACK = "Inference"
ENDPOINT_TYPE = "AWS::SageMaker::Endpoint"


def credentials(aws: Aws, _settings: Settings) -> Iterator[Finding]:
    """Check that AWS accepts the credentials."""
    try:
        identity = aws.client("sts").get_caller_identity()
    except (ConnectionError, HTTPClientError, NoRegionError):
        raise  # says nothing about the credentials
    except BotoCoreError as error:
        yield problem(f"no credentials: {error}", LOG_IN)
    except ClientError as error:
        yield problem(f"AWS does not accept the credentials: {error}", LOG_IN)
    else:
        yield ok(f"account {identity['Account']} as {identity['Arn']}")


def region(aws: Aws, _settings: Settings) -> Iterator[Finding]:
    """Check that a region is set: without one, the CDK CLI would use us-east-1."""
    try:
        deployed_to = aws.region
    except NoRegionError:
        yield problem(
            "no region is set; cdk would deploy to us-east-1, and staging would refuse",
            "export AWS_REGION=..., or aws configure set region ...",
        )
    else:
        endpoint_url = os.environ.get("AWS_ENDPOINT_URL")
        yield ok(f"{deployed_to} at {endpoint_url}" if endpoint_url else deployed_to)


def bootstrap(aws: Aws, _settings: Settings) -> Iterator[Finding]:
    """Check that `cdk bootstrap` was run, with a CLI that was new enough."""
    version = aws.parameter(VERSION_PARAMETER)
    if version is None:
        what = f"{aws.region} is not bootstrapped in this account: no parameter {VERSION_PARAMETER}"
        yield problem(what, "cdk bootstrap")
    elif int(version) < REQUIRED_VERSION:
        what = f"bootstrap version {version} is too old; the templates need {REQUIRED_VERSION}"
        yield problem(what, "cdk bootstrap")
    else:
        yield ok(f"version {version}; {REQUIRED_VERSION} or newer is needed")


def algorithm(aws: Aws, _settings: Settings) -> Iterator[Finding]:
    """Check that the region offers the image-classification algorithm."""
    regions: dict[str, str] = json.loads(TABLE.read_text(encoding="utf-8"))
    if aws.region in regions:
        yield ok(f"image-classification is offered in {aws.region}")
    else:
        yield problem(
            f"{aws.region} does not offer the built-in image-classification algorithm",
            f"deploy to one of: {', '.join(regions)}",
        )


def endpoint(aws: Aws, settings: Settings) -> Iterator[Finding]:
    """Check that the endpoint's name, the only fixed one, is free or our stack's."""
    if not settings.endpoint.enabled:
        yield ok("not needed: endpoint.enabled is false")
        return
    name, stack = settings.endpoint_name, settings.stack_name(ENDPOINT_STACK)
    status = _endpoint_status(aws, name)
    if status is None:
        yield ok(f"{name} is free")
    elif name in _endpoints(aws, stack):
        yield ok(f"{name} belongs to {stack}, and is {status}")
    else:
        yield problem(
            f"an endpoint {name} exists that is not part of {stack}",
            f"if it is not needed: aws sagemaker delete-endpoint --endpoint-name {name} "
            f"--region {aws.region}; otherwise choose another environment name",
        )


def _endpoint_status(aws: Aws, name: str) -> str | None:
    try:
        status: str = aws.client("sagemaker").describe_endpoint(EndpointName=name)["EndpointStatus"]
    except ClientError as error:
        # SageMaker has no error code for a missing endpoint.
        if "Could not find endpoint" in error.response["Error"]["Message"]:
            return None
        raise
    return status


def _endpoints(aws: Aws, stack: str) -> set[str]:
    """Return the names of a stack's endpoints; CloudFormation's id of an endpoint is its ARN."""
    try:
        resources = aws.client("cloudformation").describe_stack_resources(StackName=stack)
    except ClientError as error:
        if is_missing_stack(error):
            return set()
        raise
    return {
        resource["PhysicalResourceId"].rpartition("/")[2]
        for resource in resources["StackResources"]
        if resource["ResourceType"] == ENDPOINT_TYPE
    }
