"""AWS for every command: the session, the outputs of stacks, and errors in words.

Account and region are those that the CDK CLI would take.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import boto3
import botocore.exceptions
import botocore.session
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from settings import Settings

REGION_VARIABLES = ("AWS_REGION", "AMAZON_REGION", "AWS_DEFAULT_REGION", "AMAZON_DEFAULT_REGION")
PROFILE_VARIABLES = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")
DEFAULT_PROFILE = "default"


class AwsError(Exception):
    """AWS refuses, is out of reach, or lacks what a command needs; the message has the remedy."""


class NoRegionError(botocore.exceptions.NoRegionError):
    """Neither the environment nor a profile names a region."""

    fmt = (
        "no AWS region is set: export AWS_REGION=..., or give the profile one: "
        "aws configure set region ..."
    )


def region() -> str:
    """Return the region, found in the order of the CDK CLI.

    That of `AwsCliCompatible.region` in aws-cdk 2.1148.1; boto3 alone does not know AWS_REGION.
    The CLI goes on to ask the instance that it runs on, and to us-east-1, which nobody named.

    Raises:
        NoRegionError: none is set.
    """
    if named := _first_of(REGION_VARIABLES):
        return named
    profiles = botocore.session.Session().full_config["profiles"]
    for profile in (_first_of(PROFILE_VARIABLES) or DEFAULT_PROFILE, DEFAULT_PROFILE):
        found = profiles.get(profile, {}).get("region")
        if isinstance(found, str) and found:
            return found
    raise NoRegionError


def session() -> boto3.Session:
    """Return the session that makes every client.

    Raises:
        NoRegionError: no region is set.
        botocore.exceptions.ProfileNotFound: there is no such profile.
    """
    return _session(region(), frozenset(kv for kv in os.environ.items() if kv[0][:4] == "AWS_"))


def account_id() -> str:
    """Return the number of the account; asks AWS, so that the credentials are known to work.

    Raises:
        botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError: no region, no
            credentials, or AWS refuses them.
    """
    number: str = session().client("sts").get_caller_identity()["Account"]
    return number


def where() -> str:
    """Return account and region in words.

    Raises:
        botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError: as `account_id`.
    """
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    return f"account {account_id()}, {region()}" + (f" at {endpoint}" if endpoint else "")


def announce() -> None:
    """Say on standard error where the command acts.

    Raises:
        AwsError: no region, no credentials, or AWS refuses them.
    """
    with errors_in_words():
        print(f"AWS: {where()}", file=sys.stderr)


def stack_output(settings: Settings, stack: str, output: str) -> str:
    """Return the value of one output of a stack ("Storage", ...).

    Raises:
        AwsError: as `stack_outputs`, or the stack has no such output.
    """
    try:
        return stack_outputs(settings, stack)[output]
    except KeyError as error:
        raise AwsError(
            f"stack {settings.stack_name(stack)} has no output {output}; {_remedy(settings, stack)}"
        ) from error


def stack_outputs(settings: Settings, stack: str) -> dict[str, str]:
    """Return the outputs of a stack ("Storage", ...).

    Raises:
        AwsError: no credentials, no region, the stack is not deployed, or AWS refuses.
    """
    name = settings.stack_name(stack)
    with errors_in_words():
        try:
            stacks = session().client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if not is_missing_stack(error):
                raise
            raise AwsError(f"stack {name} does not exist; {_remedy(settings, stack)}") from error
    return {found["OutputKey"]: found["OutputValue"] for found in stacks[0].get("Outputs", ())}


def is_missing_stack(error: ClientError) -> bool:
    """Return whether CloudFormation says that the stack does not exist; its code is general."""
    return "does not exist" in error.response["Error"]["Message"]


def _remedy(settings: Settings, stack: str) -> str:
    return (
        f"deploy it first: cdk deploy {settings.stack_name(stack)} "
        f"-c environment={settings.environment}"
    )


@contextmanager
def errors_in_words() -> Iterator[None]:
    """Turns errors of AWS, and of reaching it, into a AwsError."""
    try:
        yield
    except NoCredentialsError as error:
        raise AwsError(
            "no AWS credentials found; set AWS_PROFILE or run `aws configure`, "
            "or for the local cloud the variables that `scones local up` prints"
        ) from error
    except (BotoCoreError, ClientError) as error:
        raise AwsError(f"AWS: {error}") from error


@lru_cache(maxsize=4)
def _session(region_name: str, _environment: frozenset[tuple[str, str]]) -> boto3.Session:
    # A session keeps the credentials that it found first. The demo points its own process at a
    # local cloud, so another environment gets another session.
    return boto3.Session(region_name=region_name)


def _first_of(variables: tuple[str, ...]) -> str | None:
    return next((value for name in variables if (value := os.environ.get(name))), None)
