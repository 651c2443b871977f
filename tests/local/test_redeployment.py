"""What stands after the first deployment, and after deploying the same settings again."""

import pytest

from localcloud.cdk import CdkError
from tests.local.deployment import DEPLOY, Deployment


def test_everything_that_can_be_tagged_on_the_way_is(deployment: Deployment) -> None:
    sagemaker = deployment.cloud.client("sagemaker")
    (job, *_) = sagemaker.list_training_jobs()["TrainingJobSummaries"]
    endpoint = sagemaker.describe_endpoint(EndpointName=deployment.settings.endpoint_name)

    for arn in (job["TrainingJobArn"], endpoint["EndpointArn"]):
        tags = sagemaker.list_tags(ResourceArn=arn)["Tags"]
        assert {tag["Key"]: tag["Value"] for tag in tags} == deployment.settings.tags_by_key


def test_deploying_again_changes_and_trains_nothing(deployment: Deployment) -> None:
    jobs = deployment.training_jobs()

    output = deployment.cdk(*DEPLOY, "--all")

    assert output.count("(no changes)") == 6
    assert deployment.training_jobs() == jobs


def test_a_failed_training_is_the_stacks_error_and_the_endpoint_goes_on(
    deployment: Deployment, verdicts: dict[str, list[str]]
) -> None:
    good = point_at_a_dataset_with_a_missing_picture(deployment)
    try:
        with pytest.raises(CdkError, match=r"(?s)training job scones-dev-\w+ is Failed.*gone\.png"):
            deployment.cdk(*DEPLOY, "--all")
    finally:
        deployment.point_at(good)

    (stack,) = deployment.cloud.client("cloudformation").describe_stacks(
        StackName=deployment.settings.stack_name("Training")
    )["Stacks"]
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert deployment.classify(verdicts["accepted"][0])["counts"]["accepted"] == 1
    jobs = deployment.training_jobs()
    deployment.cdk(*DEPLOY, "--all")
    assert deployment.training_jobs() == jobs


def point_at_a_dataset_with_a_missing_picture(deployment: Deployment) -> str:
    """Gives the prefix that the pointer held before."""
    s3, bucket = deployment.cloud.client("s3"), deployment.data_bucket
    prefix = deployment.staged_prefix()
    keys = [
        entry["Key"].removeprefix(prefix)
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for entry in page["Contents"]
    ]
    for key in keys:
        s3.copy_object(
            Bucket=bucket, Key=f"datasets/broken{key}", CopySource=f"{bucket}/{prefix}{key}"
        )
    lines = s3.get_object(Bucket=bucket, Key=f"{prefix}/train.lst")["Body"].read()
    s3.put_object(
        Bucket=bucket, Key="datasets/broken/train.lst", Body=lines + b"1000\t0\tgone.png\n"
    )
    deployment.point_at("datasets/broken")
    return prefix
