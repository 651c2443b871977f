"""Roles of functions, state machines, models and jobs that tests make."""

import json
from collections.abc import Sequence
from typing import Any

from localcloud.launcher import LocalCloud

ROLE = "arn:aws:iam::000000000000:role/any"
"""One that may do everything, for tests that are not about what is allowed."""

SERVICES = ("lambda", "sagemaker", "states", "events")


def statement(action: str | Sequence[str], resource: str, **members: Any) -> dict[str, Any]:
    """Return a statement of a policy, which allows if `members` do not say otherwise."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **members}


def create_role(cloud: LocalCloud, name: str, *statements: dict[str, Any]) -> str:
    """Create a role with one policy, for every service that tests use; return its ARN."""
    iam = cloud.client("iam")
    services = [f"{service}.amazonaws.com" for service in SERVICES]
    trust = {"Effect": "Allow", "Principal": {"Service": services}, "Action": "sts:AssumeRole"}
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_document(trust))["Role"][
        "Arn"
    ]
    if statements:
        iam.put_role_policy(
            RoleName=name, PolicyName="policy", PolicyDocument=_document(*statements)
        )
    return arn


def _document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
