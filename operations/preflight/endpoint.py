"""The endpoint's name, the only one that another stack of the account may have taken."""

from collections.abc import Iterator

from botocore.exceptions import ClientError

from operations.aws import is_missing_stack
from operations.preflight.clients import Aws
from operations.preflight.findings import Finding, Verdict
from settings import Settings

STACK = "Inference"
RESOURCE_TYPE = "AWS::SageMaker::Endpoint"


def endpoint(aws: Aws, settings: Settings) -> Iterator[Finding]:
    """The endpoint's name is free, or our stack's."""
    if not settings.endpoint.enabled:
        yield Finding(Verdict.OK, "not needed: endpoint.enabled is false")
        return
    name, stack = settings.endpoint_name, settings.stack_name(STACK)
    status = _status(aws, name)
    if status is None:
        yield Finding(Verdict.OK, f"{name} is free")
    elif name in _endpoints(aws, stack):
        yield Finding(Verdict.OK, f"{name} belongs to {stack}, and is {status}")
    else:
        yield Finding(
            Verdict.PROBLEM,
            f"there is an endpoint {name} already, which is not of {stack}",
            f"if nobody needs it: aws sagemaker delete-endpoint --endpoint-name {name} "
            f"--region {aws.region}; else another environment name",
        )


def _status(aws: Aws, name: str) -> str | None:
    try:
        status: str = aws.client("sagemaker").describe_endpoint(EndpointName=name)["EndpointStatus"]
    except ClientError as error:
        # SageMaker has no error code of its own for this.
        if "Could not find endpoint" in error.response["Error"]["Message"]:
            return None
        raise
    return status


def _endpoints(aws: Aws, stack: str) -> set[str]:
    """Names of the endpoints of a stack; CloudFormation's id of an endpoint is its ARN."""
    try:
        resources = aws.client("cloudformation").describe_stack_resources(StackName=stack)
    except ClientError as error:
        if is_missing_stack(error):
            return set()
        raise
    return {
        resource["PhysicalResourceId"].rpartition("/")[2]
        for resource in resources["StackResources"]
        if resource["ResourceType"] == RESOURCE_TYPE
    }
