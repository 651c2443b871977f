"""A SageMaker training job as a CloudFormation custom resource.

The job's name holds a hash of every input, so the resource is idempotent: the same inputs find
the job that already ran or still runs, other inputs start another one. `on_event` finds or starts
the job, and the framework calls `is_complete` until that job has ended. An attempt that has to
wait for its predecessor to stop is started by `is_complete`: `on_event` cannot wait that long.
Contract of the two: the provider framework of aws-cdk-lib's custom_resources.
"""

import itertools
import json
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

import boto3
from botocore.exceptions import ClientError

from lambda_src.shared.events import (
    InvalidEvent,
    bucket_name,
    digest,
    invalid,
    mapping,
    object_key,
    sequence,
    shown,
    text,
    texts,
    whole_number,
)

logger = logging.getLogger()
logger.setLevel(logging.INFO)

sagemaker = boto3.client("sagemaker")
s3 = boto3.client("s3")

ENDED_BADLY = ("Failed", "Stopped")
MAX_ATTEMPTS = 99

# New roles and policies reach every service within about a minute. The functions' timeout is longer
# by what the calls themselves take: stacks/constructs/training/training_job.py.
IAM_SECONDS = 60
IAM_RETRY_SECONDS = 5
DENIED = ("AccessDenied", "AccessDeniedException", "403")
ROLE_NOT_READY = ("Could not assume role", '"s3:ListBucket" permissions')
"""What CreateTrainingJob says, as ValidationException, of a job role that lacks something yet."""

START_AFTER = "StartAfter"
"""Key of the job that has to end before is_complete starts the next attempt."""

Answer = TypeVar("Answer")
Properties = dict[str, Any]
Job = dict[str, Any]


class DatasetNotUsable(Exception):
    """The staged dataset is missing or is not the one that the settings describe."""


class TrainingFailed(Exception):
    """The training job ended without a model."""


def on_event(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Find or start the job of these inputs; `is_complete` stops the job of a deleted resource.

    The physical id is the job's name; another name makes CloudFormation delete the old one.

    Raises:
        DatasetNotUsable, TrainingFailed: see there.
        InvalidEvent: a property is missing, or of another type.
    """
    if text(event, "RequestType") == "Delete":
        return {"PhysicalResourceId": text(event, "PhysicalResourceId")}
    properties = mapping(event, "ResourceProperties")
    return _while_iam_settles(lambda: _find_or_start(properties))


def is_complete(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Return whether the job has ended, with its attributes once it is Completed.

    Raises:
        TrainingFailed: it failed or was stopped; the message carries SageMaker's FailureReason.
        InvalidEvent: a property is missing, or of another type.
    """
    if text(event, "RequestType") == "Delete":
        name = _job_to_stop(event)
        return {"IsComplete": name is None or _has_stopped(name)}
    return _while_iam_settles(lambda: _progress(event))


def _progress(event: dict[str, Any]) -> dict[str, Any]:
    name, properties = text(event, "PhysicalResourceId"), mapping(event, "ResourceProperties")
    job = _describe(name)
    if job is None and event.get(START_AFTER):
        if _has_stopped(text(event, START_AFTER)):
            _start(name, properties, _definition(properties, _manifest(properties)))
        return {"IsComplete": False}
    status = job["TrainingJobStatus"] if job else "NotFound"
    logger.info("training job %s: %s", name, job["SecondaryStatus"] if job else status)
    if status in ("InProgress", "Stopping"):
        return {"IsComplete": False}
    if job is None or status != "Completed":
        # A job that was stopped has no FailureReason, but as status, say, MaxWaitTimeExceeded.
        reason = job.get("FailureReason", job["SecondaryStatus"]) if job else "it does not exist"
        raise TrainingFailed(f"training job {name} is {status}: {reason}")
    return {"IsComplete": True, "Data": _attributes(job, _manifest(properties))}


def _while_iam_settles(action: Callable[[], Answer]) -> Answer:
    """Return what the action returns; repeat it while its error may be IAM that has not settled."""
    give_up = time.monotonic() + IAM_SECONDS
    while True:
        try:
            return action()
        except ClientError as error:
            if not _may_be_unsettled_iam(error) or time.monotonic() >= give_up:
                raise
            logger.warning("IAM may not have settled, again in %d s: %s", IAM_RETRY_SECONDS, error)
        time.sleep(IAM_RETRY_SECONDS)


def _may_be_unsettled_iam(error: ClientError) -> bool:
    code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
    return code in DENIED or (
        code == "ValidationException" and any(text in message for text in ROLE_NOT_READY)
    )


def _manifest(properties: Properties) -> dict[str, Any]:
    bucket = bucket_name(properties, "DataBucket")
    key = f"{object_key(properties, 'DatasetPrefix')}/manifest.json"
    where = f"s3://{bucket}/{key}"
    try:
        manifest: dict[str, Any] = json.load(s3.get_object(Bucket=bucket, Key=key)["Body"])
        classes = texts(manifest, "classes")
        counts = mapping(mapping(manifest, "counts"), "train")
        for name in counts:
            whole_number(counts, name)
    except s3.exceptions.NoSuchKey as error:
        raise DatasetNotUsable(f"{where} does not exist; stage the data: scones stage") from error
    except (ValueError, RecursionError, InvalidEvent) as error:
        raise DatasetNotUsable(
            f"{where} is damaged: {error}; stage the data again: scones stage"
        ) from error
    if classes != (expected := texts(properties, "Classes")):
        raise DatasetNotUsable(
            f"{where} has the classes {shown(classes)}, the settings say {shown(expected)}; "
            "stage the data again: scones stage"
        )
    return manifest


def _definition(properties: Properties, manifest: dict[str, Any]) -> Job:
    """The CreateTrainingJob request without its name and what is named after it.

    Counts come from the manifest.
    """
    dataset = (
        f"s3://{bucket_name(properties, 'DataBucket')}/{object_key(properties, 'DatasetPrefix')}"
    )
    definition: Job = {
        "AlgorithmSpecification": {
            "TrainingImage": text(properties, "TrainingImage"),
            "TrainingInputMode": "File",
        },
        "RoleArn": text(properties, "RoleArn"),
        "HyperParameters": {
            **_texts_by_name(properties, "HyperParameters"),
            "num_classes": str(len(manifest["classes"])),
            "num_training_samples": str(sum(manifest["counts"]["train"].values())),
        },
        "InputDataConfig": [
            _channel("train", f"{dataset}/train/"),
            _channel("validation", f"{dataset}/validation/"),
            _channel("train_lst", f"{dataset}/train.lst"),
            _channel("validation_lst", f"{dataset}/validation.lst"),
        ],
        "OutputDataConfig": {"S3OutputPath": text(properties, "OutputPath")},
        "ResourceConfig": {
            "InstanceType": text(properties, "InstanceType"),
            "InstanceCount": _number(properties, "InstanceCount"),
            "VolumeSizeInGB": _number(properties, "VolumeSizeInGB"),
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": _number(properties, "MaxRuntimeInSeconds")},
        "EnableNetworkIsolation": True,
    }
    if properties.get("Spot"):
        _use_spot_instances(definition, mapping(properties, "Spot"))
    if properties.get("OutputKmsKeyId"):
        definition["OutputDataConfig"]["KmsKeyId"] = text(properties, "OutputKmsKeyId")
    if properties.get("VolumeKmsKeyId"):
        definition["ResourceConfig"]["VolumeKmsKeyId"] = text(properties, "VolumeKmsKeyId")
    if properties.get("InitialModelDataUrl"):
        initial_model = text(properties, "InitialModelDataUrl")
        channel = _channel("model", initial_model, "application/x-sagemaker-model")
        definition["InputDataConfig"].append(channel)
    return definition


def _number(properties: Properties, name: str) -> int:
    """Return a whole number of 1 or more, which CloudFormation sends as text."""
    value = text(properties, name)
    if not (value.isascii() and value.isdigit() and len(value) < 10 and int(value)):
        raise invalid(name, value, "a whole number of 1 or more, in digits")
    return int(value)


def _texts_by_name(properties: Properties, name: str) -> dict[str, str]:
    values = mapping(properties, name)
    return {each: text(values, each) for each in values}


def _tags(properties: Properties) -> list[Any]:
    return [
        {"Key": text(tag, "Key"), "Value": text(tag, "Value", may_be_empty=True)}
        for tag in sequence(properties, "Tags")
    ]


def _use_spot_instances(definition: Job, spot: dict[str, Any]) -> None:
    definition["EnableManagedSpotTraining"] = True
    definition["StoppingCondition"]["MaxWaitTimeInSeconds"] = _number(spot, "MaxWaitInSeconds")
    definition["CheckpointConfig"] = {"S3Uri": text(spot, "CheckpointPath")}


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


def _find_or_start(properties: Properties) -> dict[str, str]:
    """Return the name of the job of these properties, started if need be, as a physical id.

    SageMaker never frees a name, so a job that ended badly, or whose model is gone, is followed by
    another attempt: <name>, <name>-2, <name>-3 ... One that follows a job that is still stopping is
    only named, together with that job: the two would share checkpoints and the quota of instances.
    Other tags make no other job.
    """
    definition = _definition(properties, _manifest(properties))
    first_name = _first_name(text(properties, "JobNamePrefix"), definition)
    stopping = None
    for name in _attempts(first_name):
        job = _describe(name)
        if job is None:
            if stopping:
                return {"PhysicalResourceId": name, START_AFTER: stopping}
            _start(name, properties, definition)
            return {"PhysicalResourceId": name}
        if job["TrainingJobStatus"] == "Stopping":
            stopping = name
        elif job["TrainingJobStatus"] not in ENDED_BADLY and _model_is_there(job):
            logger.info("training job %s: reused, %s", name, job["TrainingJobStatus"])
            return {"PhysicalResourceId": name}
    raise TrainingFailed(
        f"{MAX_ATTEMPTS} attempts of {first_name} ended badly; mend their FailureReason first"
    )


def _start(name: str, properties: Properties, definition: Job) -> None:
    folder = _first_name(text(properties, "JobNamePrefix"), definition)
    request = {**definition, **_checkpoints(definition, folder=folder)}
    try:
        sagemaker.create_training_job(TrainingJobName=name, Tags=_tags(properties), **request)
    except sagemaker.exceptions.ResourceInUse:
        # Asked for twice, by a retry after a lost answer: the name stands for these inputs only.
        logger.info("training job %s: started before", name)
    else:
        logger.info("training job %s: started", name)


def _checkpoints(definition: Job, *, folder: str) -> Job:
    # Jobs of other inputs must not resume from these checkpoints; later attempts of the same may.
    if "CheckpointConfig" not in definition:
        return {}
    return {"CheckpointConfig": {"S3Uri": f"{definition['CheckpointConfig']['S3Uri']}/{folder}"}}


def _first_name(prefix: str, definition: Job) -> str:
    return f"{prefix}-{digest(definition)[:12]}"


def _attempts(first_name: str) -> Iterator[str]:
    for attempt in range(1, MAX_ATTEMPTS + 1):
        yield first_name + (f"-{attempt}" if attempt > 1 else "")


def _job_to_stop(event: dict[str, Any]) -> str | None:
    """The job of a resource that is deleted; None if it never had one.

    CloudFormation learns the job's name when training has ended. A stack that is deleted before
    that deletes the resource under an id of CloudFormation's own making, and the job, which is
    then the latest attempt at these inputs, would run on.
    """
    name, properties = text(event, "PhysicalResourceId"), mapping(event, "ResourceProperties")
    prefix = text(properties, "JobNamePrefix")
    if name.startswith(f"{prefix}-"):
        return name
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
    except ClientError as error:
        # SageMaker has no error code for this: https://github.com/boto/boto3/issues/2808
        code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
        if code == "ValidationException" and message.startswith("Requested resource not found"):
            return None
        raise


def _model_is_there(job: Job) -> bool:
    if job["TrainingJobStatus"] != "Completed":
        return True  # not yet written
    bucket, _, key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://").partition("/")
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return False
        raise
    return True


def _has_stopped(name: str) -> bool:
    """Return whether the job has ended or never existed; stop it if it runs."""
    job = _describe(name)
    status = job["TrainingJobStatus"] if job else "NotFound"
    logger.info("training job %s, which has to end: %s", name, status)
    if status == "InProgress":
        sagemaker.stop_training_job(TrainingJobName=name)
    return status not in ("InProgress", "Stopping")


def _attributes(job: Job, manifest: dict[str, Any]) -> dict[str, str]:
    metrics = {m["MetricName"]: f"{m['Value']:.4f}" for m in job.get("FinalMetricDataList", [])}
    return {
        "TrainingJobName": job["TrainingJobName"],
        "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"],
        "ValidationAccuracy": metrics.get("validation:accuracy", "not reported"),
        "Classes": ",".join(manifest["classes"]),
    }
