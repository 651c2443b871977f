"""Roles of functions, state machines, models and jobs that tests make."""

import json
from collections.abc import Sequence
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.loaders import create_loader

from localcloud.environment import REGION
from localcloud.launcher import LocalCloud

ROLE = "arn:aws:iam::000000000000:role/any"
"""One that may do everything, for tests that are not about what is allowed."""

_MODELS = create_loader()  # reads the models of services once for all roles

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


def client_as(cloud: LocalCloud, role: str, service: str) -> Any:
    """Return a client that signs as a role, which for a moment trusts the administrator."""
    iam, name = cloud.client("iam"), role.rpartition("/")[2]
    trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    root = {"AWS": "arn:aws:iam::000000000000:root"}
    trusting = _document({"Effect": "Allow", "Principal": root, "Action": "sts:AssumeRole"})
    iam.update_assume_role_policy(RoleName=name, PolicyDocument=trusting)
    try:
        assumed = cloud.client("sts").assume_role(RoleArn=role, RoleSessionName="test")
    finally:
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust))
    credentials = assumed["Credentials"]
    core = botocore.session.Session()
    core.register_component("data_loader", _MODELS)
    session: Any = boto3.Session(
        botocore_session=core,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
        region_name=REGION,
    )
    return session.client(service, endpoint_url=cloud.endpoint_url, config=Config(proxies={}))


def denial(role: str, action: str, resource: str, *, session: str = "test") -> str:
    """Return what AWS answers to a call that no policy of the role allows."""
    name = role.rpartition("/")[2]
    return (
        f"User: arn:aws:sts::000000000000:assumed-role/{name}/{session} is not authorized to "
        f"perform: {action} on resource: {resource} because no identity-based policy allows the "
        f"{action} action"
    )


def _document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
