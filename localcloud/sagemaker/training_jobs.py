"""Operations on training jobs."""

import threading
from typing import Any, Final

from localcloud.sagemaker import listing, training
from localcloud.sagemaker.errors import ApiError, invalid, not_implemented
from localcloud.sagemaker.images import algorithm_of
from localcloud.sagemaker.s3 import split_uri
from localcloud.sagemaker.store import Scope, Table
from localcloud.sagemaker.training_job import ENDED, TrainingJob


class _TrainingJobs(Table[TrainingJob]):
    """The training jobs; they have wordings and an error of their own."""

    def _missing(self, arn: str) -> ApiError:  # noqa: ARG002 - AWS does not name it
        return invalid("Requested resource not found.")

    def _duplicate(self, arn: str) -> ApiError:
        return ApiError(
            "ResourceInUse",
            "Training job names must be unique within an AWS account and region, and a training "
            f"job with this name already exists ({arn})",
        )


TRAINING_JOBS: Final = _TrainingJobs(kind="training-job", noun="training job")


def create(scope: Scope, request: dict[str, Any]) -> dict[str, Any]:
    """CreateTrainingJob: start training in the background."""
    _check(request)
    name = request["TrainingJobName"]
    job = TrainingJob(
        scope=scope, name=name, arn=scope.arn(TRAINING_JOBS.kind, name), request=request
    )
    job.enter("Starting", "Preparing the instances for training")
    TRAINING_JOBS.add(job)
    threading.Thread(target=training.run, args=(job,), name=f"training-{name}", daemon=True).start()
    return {"TrainingJobArn": job.arn}


def describe(scope: Scope, request: dict[str, Any]) -> dict[str, Any]:
    """DescribeTrainingJob."""
    return TRAINING_JOBS.get(scope, request["TrainingJobName"]).description()


def list_training_jobs(scope: Scope, request: dict[str, Any]) -> dict[str, Any]:
    """ListTrainingJobs."""
    jobs, token = listing.page(TRAINING_JOBS.all(scope), request, default_order="Ascending")
    return {"TrainingJobSummaries": [job.description() for job in jobs], "NextToken": token}


def stop(scope: Scope, request: dict[str, Any]) -> None:
    """StopTrainingJob; what the algorithm saved until then is uploaded."""
    job = TRAINING_JOBS.get(scope, request["TrainingJobName"])
    if not job.stop("Stopped"):
        raise invalid(
            f"The request was rejected because the training job is in status {job.status}."
        )


def delete(scope: Scope, request: dict[str, Any]) -> None:
    """DeleteTrainingJob, of one that has ended."""
    job = TRAINING_JOBS.get(scope, request["TrainingJobName"])
    if job.status not in ENDED:
        raise ApiError("ResourceInUse", f"{job.arn} is in status {job.status}: stop it first.")
    TRAINING_JOBS.remove(scope, job.name)


def _check(request: dict[str, Any]) -> None:
    for needed in ("AlgorithmSpecification", "ResourceConfig", "StoppingCondition"):
        if needed not in request:
            raise invalid(f"{needed} is required to create a training job.")
    _check_algorithm(request["AlgorithmSpecification"])
    if not {"InstanceType", "InstanceCount"} <= request["ResourceConfig"].keys():
        raise invalid("ResourceConfig needs InstanceType and InstanceCount.")
    output = request["OutputDataConfig"]
    split_uri(output["S3OutputPath"])
    if output.get("CompressionType", "GZIP") != "GZIP":
        raise not_implemented("training output with CompressionType NONE")
    channels = request.get("InputDataConfig", [])
    if len({channel["ChannelName"] for channel in channels}) < len(channels):
        raise invalid("Channel names of InputDataConfig must be unique.")
    for channel in channels:
        _check_channel(channel)


def _check_algorithm(specification: dict[str, Any]) -> None:
    if "TrainingImage" not in specification:
        raise not_implemented("AlgorithmSpecification without TrainingImage")
    algorithm_of(specification["TrainingImage"])
    if specification["TrainingInputMode"] == "Pipe":
        raise not_implemented("TrainingInputMode Pipe")
    if "MetricDefinitions" in specification:
        raise invalid(
            "You can't override the metric definitions for Amazon SageMaker algorithms. "
            "Please retry the request without specifying metric definitions."
        )


def _check_channel(channel: dict[str, Any]) -> None:
    name = channel["ChannelName"]
    source = channel["DataSource"].get("S3DataSource")
    if source is None:
        raise not_implemented(f"channel {name}: data sources other than S3DataSource")
    if source["S3DataType"] != "S3Prefix":
        raise not_implemented(f"channel {name}: S3DataType {source['S3DataType']}")
    if channel.get("InputMode") == "Pipe" or channel.get("CompressionType", "None") != "None":
        raise not_implemented(f"channel {name}: InputMode Pipe and CompressionType Gzip")
    split_uri(source["S3Uri"])
