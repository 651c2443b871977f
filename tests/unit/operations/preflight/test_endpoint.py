import pytest
from botocore.exceptions import ClientError

from operations.preflight.clients import Aws
from operations.preflight.endpoint import endpoint
from operations.preflight.findings import Finding, Verdict
from settings import Settings
from tests.unit.operations.preflight.conftest import (
    ACCOUNT,
    REGION,
    Stub,
    deny,
    settings_with,
    stack_missing,
)

STACK = "Scones-dev-Inference"
ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/scones-dev"


def exists(stub: Stub) -> None:
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


def test_a_name_that_is_free(aws: Aws, settings: Settings, stub: Stub) -> None:
    stub("sagemaker").add_client_error(
        "describe_endpoint", "ValidationException", f'Could not find endpoint "{ARN}".'
    )
    assert list(endpoint(aws, settings)) == [Finding(Verdict.OK, "scones-dev is free")]


def test_our_own_endpoint_is_ok(aws: Aws, settings: Settings, stub: Stub) -> None:
    exists(stub)
    stack_of(stub, Endpoint=ARN)
    assert list(endpoint(aws, settings)) == [
        Finding(Verdict.OK, f"scones-dev belongs to {STACK}, and is InService")
    ]


def test_a_foreign_endpoint_is_a_problem(aws: Aws, settings: Settings, stub: Stub) -> None:
    exists(stub)
    stack_missing(stub("cloudformation"), "describe_stack_resources", STACK)
    (finding,) = endpoint(aws, settings)
    assert finding.verdict is Verdict.PROBLEM
    assert "delete-endpoint --endpoint-name scones-dev --region eu-west-1" in finding.remedy


def test_another_resource_of_our_stack_does_not_make_it_ours(
    aws: Aws, settings: Settings, stub: Stub
) -> None:
    exists(stub)
    stack_of(stub, Model=f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model/scones-dev")
    (finding,) = endpoint(aws, settings)
    assert finding.verdict is Verdict.PROBLEM


def test_a_refusal_is_no_answer(aws: Aws, settings: Settings, stub: Stub) -> None:
    deny(stub("sagemaker"), "describe_endpoint")
    with pytest.raises(ClientError):
        list(endpoint(aws, settings))


def test_nothing_is_asked_if_no_endpoint_is_wanted(aws: Aws) -> None:
    (finding,) = endpoint(aws, settings_with(endpoint={"enabled": False}))
    assert finding.verdict is Verdict.OK
