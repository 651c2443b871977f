"""What the roles did in the tests before this one, judged again by an independent IAM engine.

The engine is npm's @cloud-copilot/iam-simulate (AGPL-3.0, for tests only); the local cloud has
written every call that it judged itself.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.infrastructure.iam.account import Account
from tests.infrastructure.iam.calls import calls
from tests.infrastructure.iam.engine import Request, judge
from tests.infrastructure.iam.judging import policy_of
from tests.infrastructure.synthesis import ACCOUNT
from tests.local.deployment import Deployment


@pytest.fixture(scope="module")
def roles(resources: dict[str, dict[str, str]]) -> dict[str, str]:
    """Return "Stack/LogicalId" by ARN, for the roles of the deployment."""
    of_type = resources["AWS::IAM::Role"].items()
    return {f"arn:aws:iam::{ACCOUNT}:role/{physical}": name for name, physical in of_type}


@pytest.fixture(scope="module")
def recorded(deployment: Deployment, roles: dict[str, str]) -> list[dict[str, Any]]:
    lines = map(json.loads, deployment.cloud.calls.read_text().splitlines())
    return [call for call in lines if call["role"] in roles]


def role_statements(deployment: Deployment, arn: str) -> Iterator[Any]:
    iam, name = deployment.cloud.client("iam"), arn.rpartition("/")[2]
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        found = iam.get_role_policy(RoleName=name, PolicyName=policy)
        yield from found["PolicyDocument"]["Statement"]


def bucket_statements(deployment: Deployment, bucket: str) -> list[Any]:
    found = deployment.cloud.client("s3").get_bucket_policy(Bucket=bucket)
    statements: list[Any] = json.loads(found["Policy"])["Statement"]
    return statements


def text(value: Any) -> Any:
    """Return the value of a condition key as IAM takes it."""
    if isinstance(value, list):
        return list(map(text, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_the_engine_allows_and_denies_the_same_calls(
    deployment: Deployment,
    resources: dict[str, dict[str, str]],
    roles: dict[str, str],
    recorded: list[dict[str, Any]],
) -> None:
    # The engine's wildcards end at the end of a line; AWS's match any characters:
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
    judged = [call for call in recorded if "\n" not in call["resource"]]
    policies = {arn: list(role_statements(deployment, arn)) for arn in roles}
    for bucket in resources["AWS::S3::Bucket"].values():
        policies[f"arn:aws:s3:::{bucket}"] = bucket_statements(deployment, bucket)

    answers = judge(
        ACCOUNT,
        policies,
        [
            Request(
                principal=call["role"],
                action=call["action"],
                resource=call["resource"],
                context={key: text(value) for key, value in call["context"].items()},
                identity=call["role"],
                resource_policy=policy_of(call["resource"]),
            )
            for call in judged
        ],
    )

    assert len(judged) > len(roles)
    assert [
        call
        for call, answer in zip(judged, answers, strict=True)
        if answer.allowed is not call["allowed"]
    ] == []


def test_every_call_is_in_the_table(
    deployment: Deployment, roles: dict[str, str], recorded: list[dict[str, Any]]
) -> None:
    table = {(call.holder, call.action) for call in calls(Account(deployment.settings))}

    assert {
        (roles[call["role"]], call["action"]) for call in recorded if call["allowed"]
    } - table == set()
