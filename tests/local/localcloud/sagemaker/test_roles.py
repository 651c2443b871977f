"""Training jobs and models read and write S3 as their roles."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.localcloud.roles import denial, statement
from tests.local.localcloud.sagemaker.support import IMAGE, SageMaker, new_name


def test_a_training_job_without_access_to_its_data_fails_and_says_why(
    sagemaker: SageMaker, role: Any
) -> None:
    arn, job = role(statement("s3:ListBucket", "*")), new_name()

    sagemaker.train(job, RoleArn=arn)

    reason = sagemaker.ended(job)["FailureReason"]
    assert "s3:GetObject on resource: arn:aws:s3:::" in reason


def test_a_training_job_that_may_not_write_its_model_fails(sagemaker: SageMaker, role: Any) -> None:
    arn, job = role(statement(["s3:GetObject", "s3:ListBucket"], "*")), new_name()

    sagemaker.train(job, RoleArn=arn)

    reason = sagemaker.ended(job)["FailureReason"]
    model = f"arn:aws:s3:::{sagemaker.bucket}/models/{job}/output/model.tar.gz"
    assert reason.startswith("ClientError: Artifact upload failed: s3://")
    assert denial(arn, "s3:PutObject", model, session="SageMaker") in reason


def test_a_model_of_a_role_that_may_not_read_it_is_refused(sagemaker: SageMaker, role: Any) -> None:
    with pytest.raises(ClientError, match="Could not access model data at s3://"):
        sagemaker.api.create_model(
            ModelName=new_name(),
            ExecutionRoleArn=role(),
            PrimaryContainer={"Image": IMAGE, "ModelDataUrl": sagemaker.model_data},
        )
