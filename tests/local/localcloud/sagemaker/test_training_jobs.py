"""Training jobs, from their request to their end."""

import re
from itertools import pairwise
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.localcloud.sagemaker.support import IMAGE, SageMaker, code_of, new_name


def test_the_life_of_a_training_job(sagemaker: SageMaker) -> None:
    job = sagemaker.ended(sagemaker.job)
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Completed"
    transitions = job["SecondaryStatusTransitions"]
    assert [transition["Status"] for transition in transitions] == [
        "Starting",
        "Downloading",
        "Training",
        "Uploading",
        "Completed",
    ]
    for earlier, later in pairwise(transitions):
        assert earlier["StartTime"] <= earlier["EndTime"] == later["StartTime"]
    assert job["CreationTime"] <= job["TrainingStartTime"] < job["TrainingEndTime"]
    assert job["BillableTimeInSeconds"] >= 1
    metrics = {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]}
    assert metrics.keys() == {"train:accuracy", "validation:accuracy"}
    assert metrics["validation:accuracy"] > 0.9
    url = sagemaker.uri(f"models/{sagemaker.job}/output/model.tar.gz")
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == url
    assert job["TrainingJobArn"].endswith(f":000000000000:training-job/{sagemaker.job}")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param(
            {"HyperParameters": {"num_classes": "2"}},
            r"^ClientError: .*num_training_samples.*, exit code: 1$",
            id="the algorithm refuses",
        ),
        pytest.param(
            {"channels": {"train": "data/none/"}},
            r"^ClientError: Data download failed: No S3 objects found under S3 URL "
            r'"s3://t-\w+/data/none/".*us-east-1.*"s3:ListBucket"',
            id="no data",
        ),
    ],
)
def test_a_failure_says_its_reason(
    sagemaker: SageMaker, changes: dict[str, Any], reason: str
) -> None:
    name = new_name()
    sagemaker.train(name, **changes)
    job = sagemaker.ended(name)
    assert job["TrainingJobStatus"] == job["SecondaryStatus"] == "Failed"
    assert re.search(reason, job["FailureReason"], re.DOTALL)
    assert "ModelArtifacts" not in job


LONG = {"channels": {"train_lst": "data/long.lst"}}


def test_a_job_that_runs_too_long_is_stopped(sagemaker: SageMaker) -> None:
    name = new_name()
    sagemaker.train(name, **LONG, StoppingCondition={"MaxRuntimeInSeconds": 1})
    job = sagemaker.ended(name)
    assert job["TrainingJobStatus"] == "Stopped"
    assert job["SecondaryStatus"] == "MaxRuntimeExceeded"


def test_a_name_can_be_used_once_and_must_be_known(sagemaker: SageMaker) -> None:
    with pytest.raises(ClientError, match="job with this name already exists") as refusal:
        sagemaker.train(sagemaker.job)
    assert code_of(refusal) == "ResourceInUse"
    with pytest.raises(ClientError, match=r"Requested resource not found\.") as refusal:
        sagemaker.api.describe_training_job(TrainingJobName="nothing")
    assert code_of(refusal) == "ValidationException"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"RoleArn": "arn:aws:iam::12:role/too-short"}, "at 'roleArn' failed to satisfy"),
        (
            {
                "AlgorithmSpecification": {
                    "TrainingImage": "811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:1",
                    "TrainingInputMode": "File",
                }
            },
            r"811284229777\.dkr\.ecr\.us-east-1\.amazonaws\.com/xgboost:1 not found",
        ),
        (
            {"AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "Pipe"}},
            "does not implement TrainingInputMode Pipe",
        ),
        ({"ResourceConfig": {"InstanceType": "ml.g4dn.xlarge"}}, "InstanceCount"),
    ],
)
def test_an_invalid_job_is_refused(
    sagemaker: SageMaker, changes: dict[str, Any], reason: str
) -> None:
    name = new_name()
    with pytest.raises(ClientError, match=reason) as refusal:
        sagemaker.train(name, **changes)
    assert code_of(refusal) == "ValidationException"
    assert not sagemaker.api.list_training_jobs(NameContains=name)["TrainingJobSummaries"]


def test_jobs_are_listed(sagemaker: SageMaker) -> None:
    listed = sagemaker.api.list_training_jobs
    for status, count in (("Completed", 1), ("InProgress", 0)):
        found = listed(NameContains=sagemaker.job, StatusEquals=status)["TrainingJobSummaries"]
        assert [each["TrainingJobName"] for each in found] == [sagemaker.job] * count
