"""What is deployed, and what AWS refuses, in words."""

from collections.abc import Iterator
from contextlib import contextmanager

import boto3
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from settings import Settings
from training.errors import StagingError


def stack_output(settings: Settings, stack: str, output: str) -> str:
    """Value of one output of a stack ("Storage", ...).

    Raises:
        StagingError: no credentials, no region, the stack is not deployed, or AWS refuses.
    """
    name = settings.stack_name(stack)
    remedy = f"deploy it first: cdk deploy {name} -c environment={settings.environment}"
    with aws_errors_in_words():
        try:
            stacks = boto3.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            # CloudFormation has no error code of its own for a stack that is not there.
            if "does not exist" not in error.response["Error"]["Message"]:
                raise
            raise StagingError(f"stack {name} does not exist; {remedy}") from error
    for found in stacks[0].get("Outputs", ()):
        if found.get("OutputKey") == output:
            return found["OutputValue"]
    raise StagingError(
        f"stack {name} ({stacks[0]['StackStatus']}) has no output {output}; {remedy}"
    )


@contextmanager
def aws_errors_in_words() -> Iterator[None]:
    """Turns errors of AWS, and of reaching it, into a StagingError."""
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
