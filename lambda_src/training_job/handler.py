"""A SageMaker training job as a CloudFormation custom resource.

The job's name holds a hash of every input, so the resource is idempotent: the same inputs find
the job that already ran or still runs, other inputs start another one. `on_event` starts or
finds the job, `is_complete` is asked until it ended.
Contract of the two: the provider framework of aws-cdk-lib's custom_resources.
"""

import hashlib
import itertools
import json
import logging
from collections.abc import Iterator
from typing import Any, cast

import boto3

logger = logging.getLogger()
logger.setLevel(logging.INFO)

sagemaker = boto3.client("sagemaker")
s3 = boto3.client("s3")

ENDED_BADLY = ("Failed", "Stopped", "Stopping")
MAX_ATTEMPTS = 99

Properties = dict[str, Any]
Job = dict[str, Any]


class DatasetNotUsable(Exception):
    """The staged dataset is missing or is not the one that the settings describe."""


class TrainingFailed(Exception):
    """The training job ended without a model."""


def on_event(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Create, Update: find or start the job of these inputs. Delete: stop it if it runs.

    The physical id is the job's name; another name makes CloudFormation delete the old one.
    """
    if event["RequestType"] == "Delete":
        if name := _job_to_stop(event):
            _stop(name)
        return {"PhysicalResourceId": event["PhysicalResourceId"]}
    properties = event["ResourceProperties"]
    manifest = _manifest(properties)
    name = _find_or_start(
        properties["JobNamePrefix"], _definition(properties, manifest), properties["Tags"]
    )
    return {"PhysicalResourceId": name}


def is_complete(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Whether the job has ended; with its attributes once it is Completed.

    Raises:
        TrainingFailed: it failed or was stopped; the message carries SageMaker's FailureReason.
    """
    deleting = event["RequestType"] == "Delete"
    name = _job_to_stop(event) if deleting else event["PhysicalResourceId"]
    job = _describe(name) if name else None
    status = job["TrainingJobStatus"] if job else "NotFound"
    logger.info("training job %s: %s", name, job.get("SecondaryStatus") if job else status)
    if deleting:
        return {"IsComplete": status not in ("InProgress", "Stopping")}
    if status in ("InProgress", "Stopping"):
        return {"IsComplete": False}
    if job is None or status != "Completed":
        # A job that was stopped has no FailureReason, but as status, say, MaxWaitTimeExceeded.
        reason = job.get("FailureReason", job["SecondaryStatus"]) if job else "it does not exist"
        raise TrainingFailed(f"training job {name} is {status}: {reason}")
    return {"IsComplete": True, "Data": _attributes(job, _manifest(event["ResourceProperties"]))}


def _manifest(properties: Properties) -> dict[str, Any]:
    bucket = properties["DataBucket"]
    key = f"{properties['DatasetPrefix']}/manifest.json"
    try:
        manifest = json.load(s3.get_object(Bucket=bucket, Key=key)["Body"])
    except s3.exceptions.NoSuchKey as error:
        raise DatasetNotUsable(
            f"s3://{bucket}/{key} does not exist; stage the data: python -m training.stage"
        ) from error
    if manifest["classes"] != properties["Classes"]:
        raise DatasetNotUsable(
            f"s3://{bucket}/{key} has the classes {manifest['classes']}, the settings say "
            f"{properties['Classes']}; stage the data again: python -m training.stage"
        )
    return cast(dict[str, Any], manifest)


def _definition(properties: Properties, manifest: dict[str, Any]) -> Job:
    """The CreateTrainingJob request without its name and what is named after it.

    Counts come from the manifest.
    """
    dataset = f"s3://{properties['DataBucket']}/{properties['DatasetPrefix']}"
    definition: Job = {
        "AlgorithmSpecification": {
            "TrainingImage": properties["TrainingImage"],
            "TrainingInputMode": "File",
        },
        "RoleArn": properties["RoleArn"],
        "HyperParameters": {
            **properties["HyperParameters"],
            "num_classes": str(len(manifest["classes"])),
            "num_training_samples": str(sum(manifest["counts"]["train"].values())),
        },
        "InputDataConfig": [
            _channel("train", f"{dataset}/train/"),
            _channel("validation", f"{dataset}/validation/"),
            _channel("train_lst", f"{dataset}/train.lst"),
            _channel("validation_lst", f"{dataset}/validation.lst"),
        ],
        "OutputDataConfig": {"S3OutputPath": properties["OutputPath"]},
        "ResourceConfig": {
            "InstanceType": properties["InstanceType"],
            "InstanceCount": int(properties["InstanceCount"]),
            "VolumeSizeInGB": int(properties["VolumeSizeInGB"]),
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": int(properties["MaxRuntimeInSeconds"])},
        "EnableNetworkIsolation": True,
    }
    if spot := properties.get("Spot"):
        _use_spot_instances(definition, spot)
    if output_key := properties.get("OutputKmsKeyId"):
        definition["OutputDataConfig"]["KmsKeyId"] = output_key
    if volume_key := properties.get("VolumeKmsKeyId"):
        definition["ResourceConfig"]["VolumeKmsKeyId"] = volume_key
    if initial_model := properties.get("InitialModelDataUrl"):
        channel = _channel("model", initial_model, "application/x-sagemaker-model")
        definition["InputDataConfig"].append(channel)
    return definition


def _use_spot_instances(definition: Job, spot: dict[str, str]) -> None:
    definition["EnableManagedSpotTraining"] = True
    definition["StoppingCondition"]["MaxWaitTimeInSeconds"] = int(spot["MaxWaitInSeconds"])
    definition["CheckpointConfig"] = {"S3Uri": spot["CheckpointPath"]}


def _channel(name: str, uri: str, content_type: str = "application/x-image") -> dict[str, Any]:
    return {
        "ChannelName": name,
        "ContentType": content_type,
        "DataSource": {
            "S3DataSource": {
                "S3DataType": "S3Prefix",
                "S3Uri": uri,
                "S3DataDistributionType": "FullyReplicated",
            }
        },
    }


def _find_or_start(prefix: str, definition: Job, tags: list[Any]) -> str:
    """Name of the job of this definition; SageMaker never frees a name, so a job that ended
    badly, or whose model is gone, is followed by another attempt: <name>, <name>-2, <name>-3 ...

    Other tags make no other job.
    """
    first_name = _first_name(prefix, definition)
    for name in _attempts(first_name):
        job = _describe(name)
        if job is None:
            request = {**definition, **_checkpoints(definition, folder=first_name)}
            sagemaker.create_training_job(TrainingJobName=name, Tags=tags, **request)
            logger.info("training job %s: started", name)
            return name
        if job["TrainingJobStatus"] not in ENDED_BADLY and _model_is_there(job):
            logger.info("training job %s: reused, %s", name, job["TrainingJobStatus"])
            return name
    raise TrainingFailed(
        f"{MAX_ATTEMPTS} attempts of {first_name} ended badly; mend their FailureReason first"
    )


def _checkpoints(definition: Job, *, folder: str) -> Job:
    # Jobs of other inputs must not resume from these checkpoints; later attempts of the same may.
    if "CheckpointConfig" not in definition:
        return {}
    return {"CheckpointConfig": {"S3Uri": f"{definition['CheckpointConfig']['S3Uri']}/{folder}"}}


def _first_name(prefix: str, definition: Job) -> str:
    digest = hashlib.sha256(json.dumps(definition, sort_keys=True).encode()).hexdigest()[:12]
    return f"{prefix}-{digest}"


def _attempts(first_name: str) -> Iterator[str]:
    for attempt in range(1, MAX_ATTEMPTS + 1):
        yield first_name + (f"-{attempt}" if attempt > 1 else "")


def _job_to_stop(event: dict[str, Any]) -> str | None:
    """The job of a resource that is deleted; None if it never had one.

    CloudFormation learns the job's name when training has ended. A stack that is deleted before
    that deletes the resource under an id of CloudFormation's own making, and the job, which is
    then the latest attempt at these inputs, would run on.
    """
    name, properties = event["PhysicalResourceId"], event["ResourceProperties"]
    prefix = properties["JobNamePrefix"]
    if name.startswith(f"{prefix}-"):
        return cast(str, name)
    try:
        first_name = _first_name(prefix, _definition(properties, _manifest(properties)))
    except DatasetNotUsable as error:
        logger.info("no training job of %s: %s", name, error)
        return None
    latest = None
    for attempt in itertools.takewhile(_describe, _attempts(first_name)):
        latest = attempt
    return latest


def _describe(name: str) -> Job | None:
    try:
        return cast(Job, sagemaker.describe_training_job(TrainingJobName=name))
    except sagemaker.exceptions.ClientError as error:
        # SageMaker has no error code of its own for this.
        message = error.response["Error"]["Message"]
        if error.response["Error"]["Code"] == "ValidationException" and "not found" in message:
            return None
        raise


def _model_is_there(job: Job) -> bool:
    if job["TrainingJobStatus"] != "Completed":
        return True  # not yet written
    bucket, _, key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://").partition("/")
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except s3.exceptions.ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return False
        raise
    return True


def _stop(name: str) -> None:
    job = _describe(name)
    if job and job["TrainingJobStatus"] == "InProgress":
        logger.info("training job %s: stopping", name)
        sagemaker.stop_training_job(TrainingJobName=name)


def _attributes(job: Job, manifest: dict[str, Any]) -> dict[str, str]:
    metrics = {m["MetricName"]: f"{m['Value']:.4f}" for m in job.get("FinalMetricDataList", [])}
    return {
        "TrainingJobName": job["TrainingJobName"],
        "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"],
        "ValidationAccuracy": metrics.get("validation:accuracy", "not reported"),
        "Classes": ",".join(manifest["classes"]),
    }
