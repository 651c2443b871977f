"""Judge again what the roles of the deployment did, by an independent IAM engine.

The engine is npm's @cloud-copilot/iam-simulate (AGPL-3.0, for tests only); the local cloud writes
down every call that it judges itself.
"""

import json
import re
from typing import Any

from tests.infrastructure.iam.account import Account
from tests.infrastructure.iam.calls import calls
from tests.infrastructure.iam.engine import Request, judge
from tests.infrastructure.iam.judging import policy_of
from tests.infrastructure.synthesis import ACCOUNT
from tests.local.deployment import Deployment, Resources


def assert_right(deployment: Deployment, resources: Resources, recorded: list[str]) -> None:
    """Assert that the engine judges each recorded call alike, and that the table has those allowed.

    Args:
        deployment: with the policies that the calls were judged by.
        resources: of the deployment.
        recorded: lines of `LocalCloud.calls`.
    """
    names = {
        f"arn:aws:iam::{ACCOUNT}:role/{physical}": name
        for name, physical in resources["AWS::IAM::Role"].items()
    }
    made = [call for call in map(json.loads, recorded) if call["role"] in names]
    table = {(call.holder, call.action) for call in calls(Account(deployment.settings))}
    allowed = {(names[call["role"]], call["action"]) for call in made if call["allowed"]}
    assert allowed - table == set()

    policies = {arn: _role_statements(deployment, arn) for arn in names}
    for bucket in resources["AWS::S3::Bucket"].values():
        found = deployment.cloud.client("s3").get_bucket_policy(Bucket=bucket)
        policies[f"arn:aws:s3:::{bucket}"] = json.loads(found["Policy"])["Statement"]
    # The engine's wildcards end at the end of a line; AWS's match any characters:
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
    kinds = {
        (call["role"], call["action"], call["allowed"], re.sub(r"\d+", "", call["resource"])): call
        for call in made
        if "\n" not in call["resource"]
    }
    judged = list(kinds.values())  # calls that differ in numbers only are of one kind
    requests = [
        Request(
            principal=call["role"],
            action=call["action"],
            resource=call["resource"],
            context={key: _text(value) for key, value in call["context"].items()},
            identity=call["role"],
            resource_policy=policy_of(call["resource"]),
        )
        for call in judged
    ]
    answers = judge(ACCOUNT, policies, requests)
    assert [
        call
        for call, answer in zip(judged, answers, strict=True)
        if answer.allowed is not call["allowed"]
    ] == []


def _role_statements(deployment: Deployment, arn: str) -> list[Any]:
    iam, name = deployment.cloud.client("iam"), arn.rpartition("/")[2]
    return [
        statement
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
        for statement in iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"][
            "Statement"
        ]
    ]


def _text(value: Any) -> Any:
    """Return the value of a condition key as IAM takes it."""
    if isinstance(value, list):
        return list(map(_text, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
