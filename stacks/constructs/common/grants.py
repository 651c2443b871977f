"""Grants, with the reason for every wildcard beside it."""

from collections.abc import Mapping
from typing import Any

from aws_cdk import aws_iam as iam

from stacks.constructs.common.acknowledge import acknowledge_granted_wildcard


def allow(
    grantee: iam.IGrantable,
    *actions: str,
    on: str,
    conditions: Mapping[str, Mapping[str, Any]] | None = None,
    why_wildcard: str | None = None,
) -> None:
    """Lets the grantee's role do the actions `on` an ARN, under IAM's `conditions` if any.

    Raises ValueError for an ARN with a "*" that comes without its reason.
    """
    iam.Grant.add_to_principal(
        grantee=grantee, actions=list(actions), resource_arns=[on], conditions=conditions
    )
    if "*" in on:
        if not why_wildcard:
            raise ValueError(
                f"{', '.join(actions)} on {on}: say in why_wildcard why it needs the '*'"
            )
        acknowledge_granted_wildcard(grantee, on, reason=why_wildcard)


def allow_listing(grantee: iam.IGrantable, bucket_arn: str, prefix: str) -> None:
    """Let the grantee's role list the keys of a bucket by `prefix`, which may end in "*"."""
    conditions = {"StringLike": {"s3:prefix": prefix}}
    allow(grantee, "s3:ListBucket", on=bucket_arn, conditions=conditions)


def service_names(prefix: str) -> list[str]:
    """Return the names a service may have in a condition; in China, some end in ".cn"."""
    return [f"{prefix}.amazonaws.com", f"{prefix}.amazonaws.com.cn"]
