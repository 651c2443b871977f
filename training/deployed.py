"""What is deployed, and what AWS refuses, in words."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from account import session
from settings import Settings
from training.errors import StagingError


def stack_output(settings: Settings, stack: str, output: str) -> str:
    """Return the value of one output of a stack ("Storage", ...).

    Raises:
        StagingError: as `stack_outputs`, or the stack has no such output.
    """
    try:
        return stack_outputs(settings, stack)[output]
    except KeyError as error:
        raise StagingError(
            f"stack {settings.stack_name(stack)} has no output {output}; {_remedy(settings, stack)}"
        ) from error


def stack_outputs(settings: Settings, stack: str) -> dict[str, str]:
    """Return the outputs of a stack ("Storage", ...).

    Raises:
        StagingError: no credentials, no region, the stack is not deployed, or AWS refuses.
    """
    name = settings.stack_name(stack)
    with aws_errors_in_words():
        try:
            stacks = session().client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            # CloudFormation has no error code of its own for a stack that is not there.
            if "does not exist" not in error.response["Error"]["Message"]:
                raise
            raise StagingError(
                f"stack {name} does not exist; {_remedy(settings, stack)}"
            ) from error
    return {found["OutputKey"]: found["OutputValue"] for found in stacks[0].get("Outputs", ())}


def _remedy(settings: Settings, stack: str) -> str:
    return (
        f"deploy it first: cdk deploy {settings.stack_name(stack)} "
        f"-c environment={settings.environment}"
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
    except (BotoCoreError, ClientError) as error:
        raise StagingError(f"AWS: {error}") from error
