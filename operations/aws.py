"""Reach AWS from every command: session, stack outputs, executions, and errors in words.

Account and region are those that the CDK CLI would use. Unless their docstrings say otherwise,
functions of `operations` that call AWS raise `AwsError`.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any

import boto3
import botocore.exceptions
import botocore.session
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from settings import Settings

REGION_VARIABLES = ("AWS_REGION", "AMAZON_REGION", "AWS_DEFAULT_REGION", "AMAZON_DEFAULT_REGION")
PROFILE_VARIABLES = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")
DEFAULT_PROFILE = "default"


class AwsError(Exception):
    """AWS refuses, is unreachable, or lacks what a command needs; the message has the remedy."""


class ExecutionFailedError(AwsError):
    """An execution of a state machine did not succeed; the message has its error and cause."""


class NoRegionError(botocore.exceptions.NoRegionError):
    """Neither the environment nor a profile names a region."""

    fmt = (
        "no AWS region is set: export AWS_REGION=..., or set one in the profile: "
        "aws configure set region ..."
    )


def region() -> str:
    """Return the region, searched for in the order of the CDK CLI.

    The order is that of `AwsCliCompatible.region` in aws-cdk 2.1148.1; boto3 ignores AWS_REGION.
    Unlike the CLI, we do not fall back to the instance's region or us-east-1.
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
    """Return the session that creates every client."""
    return _session(region(), frozenset(kv for kv in os.environ.items() if kv[0][:4] == "AWS_"))


def account_id() -> str:
    """Return the account number from AWS, which proves the credentials; raise botocore's errors."""
    number: str = session().client("sts").get_caller_identity()["Account"]
    return number


def announce() -> None:
    """Print the account and the region in which the command acts to standard error."""
    with errors_in_words():
        endpoint = os.environ.get("AWS_ENDPOINT_URL")
        at = f" at {endpoint}" if endpoint else ""
        print(f"AWS: account {account_id()}, {region()}{at}", file=sys.stderr)


def stack_output(settings: Settings, stack: str, output: str) -> str:
    """Return the value of one output of a stack ("Storage", ...)."""
    try:
        return stack_outputs(settings, stack)[output]
    except KeyError as error:
        raise AwsError(
            f"stack {settings.stack_name(stack)} has no output {output}; {_remedy(settings, stack)}"
        ) from error


def stack_outputs(settings: Settings, stack: str) -> dict[str, str]:
    """Return the outputs of a stack ("Storage", ...)."""
    name = settings.stack_name(stack)
    with errors_in_words():
        outputs = outputs_of(session().client("cloudformation"), name)
    if outputs is None:
        raise AwsError(f"stack {name} does not exist; {_remedy(settings, stack)}")
    return outputs


def outputs_of(cloudformation: Any, stack_name: str) -> dict[str, str] | None:
    """Return the outputs of the stack; None if it does not exist."""
    try:
        (stack,) = cloudformation.describe_stacks(StackName=stack_name)["Stacks"]
    except ClientError as error:
        if is_missing_stack(error):
            return None
        raise
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", ())}


def is_missing_stack(error: ClientError) -> bool:
    """Return whether CloudFormation reports a missing stack, for which it has no error code."""
    return "does not exist" in error.response["Error"]["Message"]


def _remedy(settings: Settings, stack: str) -> str:
    return (
        f"deploy it first: cdk deploy {settings.stack_name(stack)} "
        f"-c environment={settings.environment}"
    )


def execute(
    state_machine: str,
    event: Any,
    *,
    poll_seconds: float,
    on_poll: Callable[[], object] = lambda: None,
) -> dict[str, Any]:
    """Run an execution until it succeeds; return its description, or raise ExecutionFailedError."""
    started = (
        session()
        .client("stepfunctions")
        .start_execution(stateMachineArn=state_machine, input=json.dumps(event))
    )
    execution = ended_execution(started["executionArn"], poll_seconds=poll_seconds, on_poll=on_poll)
    if execution["status"] != "SUCCEEDED":
        raise ExecutionFailedError(failure_of(execution))
    return execution


def ended_execution(
    arn: str, *, poll_seconds: float, on_poll: Callable[[], object] = lambda: None
) -> dict[str, Any]:
    """Return the description of an execution once it has ended; call `on_poll` at each look."""
    client = session().client("stepfunctions")
    while True:
        execution = client.describe_execution(executionArn=arn)
        on_poll()
        if execution["status"] != "RUNNING":
            return dict(execution)
        time.sleep(poll_seconds)


def failure_of(execution: Mapping[str, Any]) -> str:
    """Return how an execution ended; of a failed function, whose cause is JSON, the message."""
    cause = execution.get("cause", "no cause")
    with suppress(ValueError, KeyError, TypeError):
        cause = json.loads(cause)["errorMessage"] or cause
    error = execution.get("error", "no error name")
    return f"execution {execution['executionArn']} is {execution['status']}: {error}: {cause}"


@contextmanager
def errors_in_words() -> Iterator[None]:
    """Turn errors of AWS, and of reaching it, into an AwsError."""
    try:
        yield
    except NoCredentialsError as error:
        raise AwsError(
            "no AWS credentials found; set AWS_PROFILE or run `aws configure`, "
            'or for the local cloud: eval "$(scones local env)"'
        ) from error
    except (BotoCoreError, ClientError) as error:
        raise AwsError(f"AWS: {error}") from error


@lru_cache(maxsize=4)
def _session(region_name: str, _environment: frozenset[tuple[str, str]]) -> boto3.Session:
    # A session keeps the credentials that it found first. The demo points its own process at a
    # local cloud, so each environment gets its own session.
    return boto3.Session(region_name=region_name)


def _first_of(variables: tuple[str, ...]) -> str | None:
    return next((value for name in variables if (value := os.environ.get(name))), None)
