"""Operations on transform jobs, and the task with which Step Functions runs one."""

import json
import threading
from typing import Any, Final

from localcloud.emulator import TaskError, current_account, current_region
from localcloud.sagemaker import contract, listing, transform
from localcloud.sagemaker.errors import ApiError, invalid, not_implemented
from localcloud.sagemaker.models import MODELS, access_of, single_container
from localcloud.sagemaker.s3 import split_uri
from localcloud.sagemaker.store import Scope, Table
from localcloud.sagemaker.transform_job import TransformJob

_MOST_MEGABYTES: Final = 100
_NOT_IMPLEMENTED: Final = ("DataProcessing", "DataCaptureConfig", "ExperimentConfig")


class _TransformJobs(Table[TransformJob]):
    """The transform jobs; they have wordings and an error of their own."""

    def _missing(self, arn: str) -> ApiError:
        return invalid(f"Could not find requested job with name: {arn.rpartition('/')[2]}")

    def _duplicate(self, arn: str) -> ApiError:
        return ApiError(
            "ResourceInUse",
            "Job name must be unique within an AWS account and region, and a job with this name "
            f"already exists ({arn})",
        )


TRANSFORM_JOBS: Final = _TransformJobs(kind="transform-job", noun="transform job")


def create(scope: Scope, request: dict[str, Any]) -> dict[str, Any]:
    """CreateTransformJob: start it in the background."""
    _check(request)
    name = request["TransformJobName"]
    model = MODELS.get(scope, request["ModelName"])
    job = TransformJob(
        scope=scope,
        name=name,
        arn=scope.arn(TRANSFORM_JOBS.kind, name),
        request=request,
        container=single_container(model.request),
        access=access_of(model),
    )
    TRANSFORM_JOBS.add(job)
    threading.Thread(
        target=transform.run, args=(job,), name=f"transform-{name}", daemon=True
    ).start()
    return {"TransformJobArn": job.arn}


def describe(scope: Scope, request: dict[str, Any]) -> dict[str, Any]:
    """DescribeTransformJob."""
    return TRANSFORM_JOBS.get(scope, request["TransformJobName"]).description()


def list_transform_jobs(scope: Scope, request: dict[str, Any]) -> dict[str, Any]:
    """ListTransformJobs."""
    jobs, token = listing.page(TRANSFORM_JOBS.all(scope), request, default_order="Descending")
    return {"TransformJobSummaries": [job.description() for job in jobs], "NextToken": token}


def stop(scope: Scope, request: dict[str, Any]) -> None:
    """StopTransformJob; what is being transformed is brought to its end."""
    job = TRANSFORM_JOBS.get(scope, request["TransformJobName"])
    if not job.stop():
        raise invalid(
            f"The request was rejected because the transform job is in status {job.status}."
        )


def run_as_task(resource: str, arguments: Any) -> dict[str, Any]:
    """`arn:aws:states:::sagemaker:createTransformJob` of Step Functions, also with `.sync`.

    With `.sync` it waits for the job's end, and gives what DescribeTransformJob does.

    Raises:
        TaskError: SageMaker.<error>Exception for a request that is refused, as the SDK of Step
            Functions names it; States.TaskFailed for a job that ended otherwise than Completed,
            with its description as the cause.
    """
    scope = Scope(account=current_account(), region=current_region())
    try:
        request = contract.parse_request(contract.input_shape("CreateTransformJob"), arguments)
        created = create(scope, request)
    except ApiError as error:
        known = error.code.startswith("Resource")
        name = error.code if known else "AmazonSageMaker"
        raise TaskError(f"SageMaker.{name}Exception", error.message) from error
    if not resource.endswith(".sync"):
        return created
    job = TRANSFORM_JOBS.get(scope, request["TransformJobName"])
    job.wait()
    shape = contract.operation_model("DescribeTransformJob").output_shape
    assert shape is not None
    description: dict[str, Any] = contract.to_response(shape, job.description())
    if job.status != "Completed":
        raise TaskError("States.TaskFailed", json.dumps(description))
    return description


def _check(request: dict[str, Any]) -> None:
    for member in _NOT_IMPLEMENTED:
        if member in request:
            raise not_implemented(f"transform jobs with {member}")
    source = request["TransformInput"]
    data = source["DataSource"]["S3DataSource"]
    if data["S3DataType"] == "AugmentedManifestFile":
        raise invalid("S3DataType AugmentedManifestFile is not supported for transform jobs.")
    if data["S3DataType"] not in ("ManifestFile", "S3Prefix"):
        raise not_implemented(f"S3DataType {data['S3DataType']}")
    for member in ("SplitType", "CompressionType"):
        if source.get(member, "None") != "None":
            raise not_implemented(f"{member} {source[member]}: an object is one record")
    split_uri(data["S3Uri"])
    split_uri(request["TransformOutput"]["S3OutputPath"])
    _check_payload(request)


def _check_payload(request: dict[str, Any]) -> None:
    megabytes = request.get("MaxPayloadInMB", transform.DEFAULT_MEGABYTES)
    if megabytes == 0:
        raise not_implemented("MaxPayloadInMB 0: the built-in algorithms take no chunked encoding")
    at_once = request.get("MaxConcurrentTransforms") or 1
    if megabytes * at_once > _MOST_MEGABYTES:
        raise invalid(
            f"MaxPayloadInMB ({megabytes}) times MaxConcurrentTransforms ({at_once}) must not "
            f"exceed {_MOST_MEGABYTES} MB."
        )
