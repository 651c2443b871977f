from unittest.mock import Mock

import pytest
from botocore.exceptions import ConnectTimeoutError

from operations.preflight.account import (
    REQUIRED_VERSION,
    VERSION_PARAMETER,
    algorithm,
    bootstrap,
    credentials,
    endpoint,
    region,
)
from operations.preflight.clients import Aws
from operations.preflight.findings import Finding, Verdict
from settings import Settings
from tests.unit.operations.preflight.conftest import (
    ACCOUNT,
    REGION,
    Find,
    Stub,
    only,
    stack_missing,
)


def test_the_caller_is_named(find: Find, stub: Stub) -> None:
    arn = "arn:aws:iam::123456789012:user/me"
    stub("sts").add_response("get_caller_identity", {"Account": "123456789012", "Arn": arn}, {})
    assert find(credentials) == [Finding(Verdict.OK, f"account 123456789012 as {arn}")]


def test_without_credentials_it_says_how_to_log_in(
    find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    finding = only(find(credentials), Verdict.PROBLEM)
    assert "Unable to locate credentials" in finding.what
    assert "aws sso login" in finding.remedy


def test_an_unknown_profile_is_named(find: Find, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    finding = only(find(credentials), Verdict.PROBLEM)
    assert "nobody" in finding.what


def test_expired_credentials_are_a_problem(find: Find, stub: Stub) -> None:
    message = "The security token included in the request is expired"
    stub("sts").add_client_error("get_caller_identity", "ExpiredToken", message)
    finding = only(find(credentials), Verdict.PROBLEM)
    assert message in finding.what
    assert "aws sso login" in finding.remedy


def test_no_network_says_nothing_of_the_credentials(
    aws: Aws, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        aws.client("sts"),
        "get_caller_identity",
        Mock(side_effect=ConnectTimeoutError(endpoint_url="https://sts")),
    )
    with pytest.raises(ConnectTimeoutError):
        list(credentials(aws, settings))


def test_the_region_is_shown(find: Find) -> None:
    assert find(region) == [Finding(Verdict.OK, "eu-west-1")]


def test_another_cloud_is_shown(find: Find, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    (finding,) = find(region)
    assert finding.what == "eu-west-1 at http://127.0.0.1:4566"


def test_no_region_is_a_problem(find: Find, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    finding = only(find(region), Verdict.PROBLEM)
    assert "AWS_REGION" in finding.remedy


def test_the_checks_look_where_cdk_deploys_to(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    assert aws.region == "us-west-2"
    assert aws.client("ssm").meta.region_name == "us-west-2"


def test_a_region_that_offers_it(find: Find) -> None:
    assert find(algorithm) == [Finding(Verdict.OK, "image-classification is offered in eu-west-1")]


def test_a_region_that_does_not_is_named_with_those_that_do(
    find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "mx-central-1")
    finding = only(find(algorithm), Verdict.PROBLEM)
    assert "mx-central-1" in finding.what
    assert "eu-west-1" in finding.remedy


@pytest.mark.parametrize(
    ("version", "verdict", "remedy"),
    [
        (REQUIRED_VERSION + 20, Verdict.OK, ""),
        (REQUIRED_VERSION, Verdict.OK, ""),
        (REQUIRED_VERSION - 1, Verdict.PROBLEM, "cdk bootstrap"),
    ],
)
def test_the_version_must_be_new_enough(
    find: Find, stub: Stub, version: int, verdict: Verdict, remedy: str
) -> None:
    stub("ssm").add_response(
        "get_parameter", {"Parameter": {"Value": str(version)}}, {"Name": VERSION_PARAMETER}
    )
    (finding,) = find(bootstrap)
    assert (finding.verdict, finding.remedy) == (verdict, remedy)
    assert f"version {version}" in finding.what


def test_an_account_without_bootstrap_is_a_problem(find: Find, stub: Stub) -> None:
    stub("ssm").add_client_error("get_parameter", "ParameterNotFound")
    (finding,) = find(bootstrap)
    assert (finding.verdict, finding.remedy) == (Verdict.PROBLEM, "cdk bootstrap")
    assert "eu-west-1" in finding.what


STACK = "Scones-dev-Inference"
ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/scones-dev"


def endpoint_exists(stub: Stub) -> None:
    stub("sagemaker").add_response(
        "describe_endpoint",
        {
            "EndpointName": "scones-dev",
            "EndpointArn": ARN,
            "EndpointStatus": "InService",
            "CreationTime": "2026-01-01",
            "LastModifiedTime": "2026-01-01",
        },
        {"EndpointName": "scones-dev"},
    )


def stack_of(stub: Stub, **resources: str) -> None:
    """The stack has these resources: physical id by type."""
    stub("cloudformation").add_response(
        "describe_stack_resources",
        {
            "StackResources": [
                {
                    "LogicalResourceId": "X",
                    "ResourceType": f"AWS::SageMaker::{kind}",
                    "PhysicalResourceId": physical_id,
                    "Timestamp": "2026-01-01",
                    "ResourceStatus": "CREATE_COMPLETE",
                }
                for kind, physical_id in resources.items()
            ]
        },
        {"StackName": STACK},
    )


def test_a_name_that_is_free(find: Find, stub: Stub) -> None:
    stub("sagemaker").add_client_error(
        "describe_endpoint", "ValidationException", f'Could not find endpoint "{ARN}".'
    )
    assert find(endpoint) == [Finding(Verdict.OK, "scones-dev is free")]


def test_our_own_endpoint_is_ok(find: Find, stub: Stub) -> None:
    endpoint_exists(stub)
    stack_of(stub, Endpoint=ARN)
    assert find(endpoint) == [
        Finding(Verdict.OK, f"scones-dev belongs to {STACK}, and is InService")
    ]


def test_a_foreign_endpoint_is_a_problem(find: Find, stub: Stub) -> None:
    endpoint_exists(stub)
    stack_missing(stub("cloudformation"), "describe_stack_resources", STACK)
    finding = only(find(endpoint), Verdict.PROBLEM)
    assert "delete-endpoint --endpoint-name scones-dev --region eu-west-1" in finding.remedy


def test_another_resource_of_our_stack_does_not_make_it_ours(find: Find, stub: Stub) -> None:
    endpoint_exists(stub)
    stack_of(stub, Model=f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model/scones-dev")
    only(find(endpoint), Verdict.PROBLEM)


def test_nothing_is_asked_if_no_endpoint_is_wanted(find: Find) -> None:
    only(find(endpoint, endpoint={"enabled": False}), Verdict.OK)
