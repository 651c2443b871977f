"""Grants, with the reason for every wildcard beside it."""

from collections.abc import Mapping
from typing import Any

from aws_cdk import aws_iam as iam

from stacks.constructs.common.acknowledge import acknowledge_granted_wildcard


def allow(
    grantee: iam.IGrantable,
    action: str,
    resource: str,
    *,
    conditions: Mapping[str, Mapping[str, Any]] | None = None,
    why_wildcard: str | None = None,
) -> None:
    """Lets the grantee's role do one action on one ARN, under IAM's `conditions` if any are given.

    Raises ValueError for an ARN with a "*" that comes without its reason.
    """
    iam.Grant.add_to_principal(
        grantee=grantee, actions=[action], resource_arns=[resource], conditions=conditions
    )
    if "*" in resource:
        if not why_wildcard:
            raise ValueError(f"{action} on {resource}: say in why_wildcard why it needs the '*'")
        acknowledge_granted_wildcard(grantee, resource, reason=why_wildcard)
