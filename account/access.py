"""The one way to AWS of all commands, in the region that the CDK CLI would take."""

import os
import sys
from functools import lru_cache

import boto3
import botocore.exceptions
import botocore.session

REGION_VARIABLES = ("AWS_REGION", "AMAZON_REGION", "AWS_DEFAULT_REGION", "AMAZON_DEFAULT_REGION")
PROFILE_VARIABLES = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")
DEFAULT_PROFILE = "default"


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
        botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError: as `where`.
    """
    print(f"AWS: {where()}", file=sys.stderr)


@lru_cache(maxsize=4)
def _session(region_name: str, _environment: frozenset[tuple[str, str]]) -> boto3.Session:
    # A session keeps the credentials that it found first. The demo points its own process at a
    # local cloud, so another environment gets another session.
    return boto3.Session(region_name=region_name)


def _first_of(variables: tuple[str, ...]) -> str | None:
    return next((value for name in variables if (value := os.environ.get(name))), None)
