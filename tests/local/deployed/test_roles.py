"""Each role of the deployed application is denied what none of them may do.

Most calls are near misses: an action that some role may do, on another resource. What each role may
not do beside that, tests/infrastructure/test_iam.py judges by an independent engine.
"""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.environment import REGION
from tests.infrastructure.synthesis import ACCOUNT
from tests.local.deployment import Deployment, Resources
from tests.local.localcloud.roles import client_as, clients_as, denial

HERE = f"{REGION}:{ACCOUNT}"
FORBIDDEN: list[tuple[str, str, dict[str, Any], str, str]] = [
    (
        *("s3", "put_object", {"Bucket": "{data}", "Key": "datasets/one.png", "Body": b""}),
        *("s3:PutObject", "arn:aws:s3:::{data}/datasets/one.png"),
    ),
    (
        *("sagemaker-runtime", "invoke_endpoint", {"EndpointName": "another", "Body": b"{}"}),
        *("sagemaker:InvokeEndpoint", f"arn:aws:sagemaker:{HERE}:endpoint/another"),
    ),
    (
        *("sns", "publish", {"TopicArn": f"arn:aws:sns:{HERE}:another", "Message": "hello"}),
        *("sns:Publish", f"arn:aws:sns:{HERE}:another"),
    ),
    (
        *("ssm", "get_parameter", {"Name": "/scones/prod/dataset"}),
        *("ssm:GetParameter", f"arn:aws:ssm:{HERE}:parameter/scones/prod/dataset"),
    ),
    (
        *("sagemaker", "delete_endpoint", {"EndpointName": "scones-dev"}),
        *("sagemaker:DeleteEndpoint", f"arn:aws:sagemaker:{HERE}:endpoint/scones-dev"),
    ),
]
"""Service, operation, arguments, action and resource."""


def test_each_role_is_denied_what_no_role_may_do(
    deployment: Deployment, resources: Resources
) -> None:
    names = {"data": deployment.data_bucket}
    assert len(resources["AWS::IAM::Role"]) > 20

    for role in resources["AWS::IAM::Role"].values():
        arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
        client = clients_as(deployment.cloud, arn)
        for service, operation, arguments, action, resource in FORBIDDEN:
            given = {
                name: value.format_map(names) if isinstance(value, str) else value
                for name, value in arguments.items()
            }
            with pytest.raises(ClientError) as refused:
                getattr(client(service), operation)(**given)
            message = refused.value.response["Error"]["Message"]
            assert message == denial(arn, action, resource.format_map(names))


def test_the_role_that_starts_training_passes_no_other_role(
    deployment: Deployment, resources: Resources
) -> None:
    roles = resources["AWS::IAM::Role"]
    role = f"arn:aws:iam::{ACCOUNT}:role/{roles['Training/TrainingJobOnEventRole']}"
    other = f"arn:aws:iam::{ACCOUNT}:role/{roles['Inference/ImageEndpointModelRole']}"
    artifacts = deployment.outputs("Storage")["ArtifactBucketName"]

    with pytest.raises(ClientError) as refused:
        client_as(deployment.cloud, role, "sagemaker").create_training_job(
            TrainingJobName="scones-dev-forbidden",
            RoleArn=other,
            OutputDataConfig={"S3OutputPath": f"s3://{artifacts}/models"},
            ResourceConfig={"VolumeSizeInGB": 1},
            StoppingCondition={"MaxRuntimeInSeconds": 60},
            AlgorithmSpecification={"TrainingInputMode": "File"},
        )

    assert refused.value.response["Error"]["Message"] == denial(role, "iam:PassRole", other)
