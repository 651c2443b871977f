"""A SageMaker training job as a CloudFormation custom resource.

The job's name holds a hash of every input, so the resource is idempotent: the same inputs find the
job that already ran or still runs, other inputs start another one. `on_event` finds or starts the
job, and the provider framework of aws-cdk-lib's custom_resources calls `is_complete` until that job
has ended. `on_event` cannot wait long, so `is_complete` starts an attempt whose predecessor first
has to stop.
"""

import itertools
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

import boto3
from botocore.exceptions import ClientError

from lambda_src.shared import class_names
from lambda_src.shared.events import mapping, text
from lambda_src.shared.staged_dataset import DatasetNotUsable

from .definition import Properties, classes_of, define, first_name, request, write_lists

logger = logging.getLogger()
logger.setLevel(logging.INFO)

sagemaker = boto3.client("sagemaker")
s3 = boto3.client("s3")

ENDED_BADLY = ("Failed", "Stopped")
MAX_ATTEMPTS = 99

# New roles and policies reach every service within about a minute. The functions' timeout adds the
# time of the calls themselves: stacks/constructs/training/training_job.py.
IAM_SECONDS = 60
IAM_RETRY_SECONDS = 5
DENIED = ("AccessDenied", "AccessDeniedException", "403")
ROLE_NOT_READY = ("Could not assume role", '"s3:ListBucket" permissions')
"""In the ValidationException of CreateTrainingJob if the job's role lacks something yet."""

START_AFTER = "StartAfter"
"""Key of the job that has to end before is_complete starts the next attempt."""

Result = TypeVar("Result")
Job = dict[str, Any]


class TrainingFailed(Exception):
    """The training job ended without a model."""


def on_event(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Find or start the job of these inputs; `is_complete` stops the job of a deleted resource.

    The physical id is the job's name; another name makes CloudFormation delete the old one.
    """
    if text(event, "RequestType") == "Delete":
        return {"PhysicalResourceId": text(event, "PhysicalResourceId")}
    properties = mapping(event, "ResourceProperties")
    return _while_iam_settles(lambda: _find_or_start(properties))


def is_complete(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Return whether the job has ended, with its attributes once it is Completed."""
    if text(event, "RequestType") == "Delete":
        name = _job_to_stop(event)
        return {"IsComplete": name is None or _has_stopped(name)}
    return _while_iam_settles(lambda: _progress(event))


def _progress(event: dict[str, Any]) -> dict[str, Any]:
    name, properties = text(event, "PhysicalResourceId"), mapping(event, "ResourceProperties")
    job = _describe(name)
    if job is None and event.get(START_AFTER):
        if _has_stopped(text(event, START_AFTER)):
            _start(properties, request(properties, define(properties), name=name))
        return {"IsComplete": False}
    status = job["TrainingJobStatus"] if job else "NotFound"
    logger.info("training job %s: %s", name, job["SecondaryStatus"] if job else status)
    if status in ("InProgress", "Stopping"):
        return {"IsComplete": False}
    if job is None or status != "Completed":
        # A stopped job has no FailureReason, but a status such as MaxWaitTimeExceeded.
        reason = job.get("FailureReason", job["SecondaryStatus"]) if job else "it does not exist"
        raise TrainingFailed(f"training job {name} is {status}: {reason}")
    metrics = {m["MetricName"]: f"{m['Value']:.4f}" for m in job.get("FinalMetricDataList", [])}
    attributes = {
        "TrainingJobName": job["TrainingJobName"],
        "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"],
        "ValidationAccuracy": metrics.get("validation:accuracy", "not reported"),
        "Classes": class_names.encode(classes_of(properties)),
    }
    return {"IsComplete": True, "Data": attributes}


def _while_iam_settles(action: Callable[[], Result]) -> Result:
    """Return the action's result; repeat it while its error may be IAM that has not settled."""
    give_up = time.monotonic() + IAM_SECONDS
    while True:
        try:
            return action()
        except ClientError as error:
            if not _may_be_unsettled_iam(error) or time.monotonic() >= give_up:
                raise
            logger.warning(
                "IAM may not have settled, retrying in %d s: %s", IAM_RETRY_SECONDS, error
            )
        time.sleep(IAM_RETRY_SECONDS)


def _may_be_unsettled_iam(error: ClientError) -> bool:
    code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
    return code in DENIED or (
        code == "ValidationException" and any(text in message for text in ROLE_NOT_READY)
    )


def _find_or_start(properties: Properties) -> dict[str, str]:
    """Return the job of these properties as a physical id, and start it if need be.

    SageMaker never frees a name, so a job that ended badly, or whose model is gone, is followed by
    another attempt: <name>, <name>-2, <name>-3 ... An attempt after a job that is still stopping is
    only named, together with that job: the two would share checkpoints and the quota of instances.
    Tags are no part of the hash.
    """
    definition = define(properties)
    first = first_name(properties, definition)
    stopping = None
    for name in _attempts(first):
        job = _describe(name)
        if job is None:
            if stopping:
                return {"PhysicalResourceId": name, START_AFTER: stopping}
            _start(properties, request(properties, definition, name=name))
            return {"PhysicalResourceId": name}
        if job["TrainingJobStatus"] == "Stopping":
            stopping = name
        elif job["TrainingJobStatus"] not in ENDED_BADLY and _model_exists(job):
            logger.info("training job %s: reused, %s", name, job["TrainingJobStatus"])
            return {"PhysicalResourceId": name}
    raise TrainingFailed(
        f"{MAX_ATTEMPTS} attempts of {first} failed; fix their FailureReason first"
    )


def _start(properties: Properties, job: Job) -> None:
    write_lists(properties)
    try:
        sagemaker.create_training_job(**job)
    except sagemaker.exceptions.ResourceInUse:
        # A retry after a lost response; no other inputs have this name.
        logger.info("training job %s: started before", job["TrainingJobName"])
    else:
        logger.info("training job %s: started", job["TrainingJobName"])


def _attempts(first: str) -> Iterator[str]:
    for attempt in range(1, MAX_ATTEMPTS + 1):
        yield first + (f"-{attempt}" if attempt > 1 else "")


def _job_to_stop(event: dict[str, Any]) -> str | None:
    """Return the job of a deleted resource, if it ever had one.

    CloudFormation learns the job's name only when training has ended. If the stack is deleted
    before, the resource has an id that CloudFormation made up, and its job is the latest attempt at
    these inputs, which would run on.
    """
    name, properties = text(event, "PhysicalResourceId"), mapping(event, "ResourceProperties")
    if name.startswith(f"{text(properties, 'JobNamePrefix')}-"):
        return name
    try:
        first = first_name(properties, define(properties))
    except DatasetNotUsable as error:
        logger.info("no training job of %s: %s", name, error)
        return None
    latest = None
    for attempt in itertools.takewhile(_describe, _attempts(first)):
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


def _model_exists(job: Job) -> bool:
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
