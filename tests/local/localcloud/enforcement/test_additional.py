"""Whoever hands a role to a service, or tags what is created, must be allowed to do so."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.launcher import LocalCloud
from tests.local.localcloud.roles import ROLE, client_as, denial, statement
from tests.local.localcloud.sagemaker.support import IMAGE

JOBS = "arn:aws:sagemaker:us-east-1:000000000000:training-job"
CREATE = statement("sagemaker:CreateTrainingJob", f"{JOBS}/*")


def request(**changes: Any) -> dict[str, Any]:
    """A training job that is refused after the judgement, because its output is not in S3."""
    return {
        "TrainingJobName": "one",
        "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": "https://bucket/models"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        **changes,
    }


def passing(service: str) -> dict[str, Any]:
    """A statement that allows to pass the role to one service."""
    condition = {"StringEquals": {"iam:PassedToService": f"{service}.amazonaws.com"}}
    return statement("iam:PassRole", ROLE, Condition=condition)


def message_of(cloud: LocalCloud, role: str, **changes: Any) -> str:
    """Return the answer to the request, made as a role."""
    client = client_as(cloud, role, "sagemaker")
    with pytest.raises(ClientError) as refused:
        client.create_training_job(**request(**changes))
    return str(refused.value.response["Error"]["Message"])


def test_a_role_is_passed_only_to_a_service_it_may_be_passed_to(
    cloud: LocalCloud, role: Any
) -> None:
    nothing, elsewhere = role(CREATE), role(CREATE, passing("lambda"))
    right = role(CREATE, passing("sagemaker"))

    for refused in (nothing, elsewhere):
        assert message_of(cloud, refused) == denial(refused, "iam:PassRole", ROLE)
    assert "is not of the form s3://" in message_of(cloud, right)


def test_tags_of_a_job_need_their_own_grant(cloud: LocalCloud, role: Any) -> None:
    tags = [{"Key": "project", "Value": "scones"}]
    without = role(CREATE, passing("sagemaker"))
    tagging = role(CREATE, passing("sagemaker"), statement("sagemaker:AddTags", f"{JOBS}/*"))

    refusal = message_of(cloud, without, Tags=tags)
    assert refusal == denial(without, "sagemaker:AddTags", f"{JOBS}/one")
    assert "is not of the form s3://" in message_of(cloud, tagging, Tags=tags)


def test_a_function_is_created_only_with_a_role_that_may_be_passed(
    cloud: LocalCloud, role: Any
) -> None:
    arn = role(statement("lambda:CreateFunction", "*"))

    with pytest.raises(ClientError) as refused:
        client_as(cloud, arn, "lambda").create_function(
            FunctionName="one",
            Role=ROLE,
            Runtime="python3.13",
            Handler="a.b",
            Code={"ZipFile": b""},
        )

    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
    assert denial(arn, "iam:PassRole", ROLE) in str(refused.value)
