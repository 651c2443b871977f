"""Transform jobs: each object to the model server, each answer to S3.

A job with bad objects: "Batch transform [...] uploads only the output for successfully processed
objects. If any object fails [...] marks the job as failed",
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_TransformOutput.html and
https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform-errors.html
"""

import json
import logging
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from botocore.exceptions import ClientError

from localcloud.sagemaker import jobs, processes, s3
from localcloud.sagemaker.contract import Failure, invalid, not_implemented
from localcloud.sagemaker.fleet import start_server
from localcloud.sagemaker.model_server import ModelServer, ModelServerError
from localcloud.sagemaker.models import MODELS, Model
from localcloud.sagemaker.records import Scope, Table, now

DEFAULT_MEGABYTES: Final = 6
_MOST_MEGABYTES: Final = 100
# The defaults of ModelClientConfig.
_INVOCATION_SECONDS: Final = 600
_RETRIES: Final = 3
# On AWS a built-in algorithm reports how many it takes; this many keep a local server busy.
_DEFAULT_CONCURRENCY: Final = 4
# The built-in algorithm answers transform jobs with JSON Lines unless asked for another form.
_DEFAULT_ACCEPT: Final = "application/jsonlines"
_LISTED_AT_ONCE: Final = 1000
_NOT_IMPLEMENTED: Final = (
    "DataCaptureConfig",
    "DataProcessing",
    "ExperimentConfig",
    "ModelClientConfig",
)

_logger = logging.getLogger(__name__)


@dataclass(kw_only=True, eq=False)
class TransformJob(jobs.Job):
    """A transform job, with its model as it was when the job was created."""

    prefix = "TransformJob"

    model: Model


TRANSFORM_JOBS: Final = Table(
    TransformJob,
    missing="Could not find requested job with name: {name}",
    duplicate="Job name must be unique within an AWS account and region, and a job with this name "
    "already exists ({arn})",
    listed_as="TransformJobSummaries",
)

stop = jobs.stop(TRANSFORM_JOBS, "transform job")


def create(scope: Scope, request: dict[str, Any]) -> dict[str, Any]:
    """CreateTransformJob: start it in the background."""
    _check(request)
    job = TransformJob(scope=scope, request=request, model=MODELS.get(scope, request["ModelName"]))
    TRANSFORM_JOBS.add(job)
    processes.run_in_background(lambda: _run(job), end=job.end, name=job.name)
    return {"TransformJobArn": job.arn}


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
    s3.split_uri(data["S3Uri"])
    s3.split_uri(request["TransformOutput"]["S3OutputPath"])
    if request["TransformOutput"].get("AssembleWith", "None") != "None":
        raise not_implemented("AssembleWith Line")
    megabytes = request.get("MaxPayloadInMB", DEFAULT_MEGABYTES)
    if megabytes == 0:
        raise not_implemented("MaxPayloadInMB 0: the built-in algorithms take no chunked encoding")
    concurrency = request.get("MaxConcurrentTransforms") or 1
    if megabytes * concurrency > _MOST_MEGABYTES:
        raise invalid(
            f"MaxPayloadInMB ({megabytes}) times MaxConcurrentTransforms ({concurrency}) must not "
            f"exceed {_MOST_MEGABYTES} MB."
        )


@dataclass(frozen=True)
class _Input:
    """An object to transform."""

    bucket: str
    key: str
    name: str
    """Name of its output without `.out`: the key without the prefix of the input."""


class _Refused(Exception):
    """One object cannot be transformed; `fault` is ClientError or AlgorithmError."""

    def __init__(self, fault: str, message: str) -> None:
        super().__init__(f"{fault}: {message}")
        self.fault = fault


def _run(job: TransformJob) -> None:
    folder = processes.new_folder(f"transform-{job.name}")
    try:
        server = start_server(
            job.model,
            name="transform",
            folder=folder,
            environment=job.request.get("Environment", {}),
        )
        try:
            _await(server)
            job.started = now()
            _transform_all(job, server)
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def _await(server: ModelServer) -> None:
    try:
        server.wait_until_healthy()
    except Failure as failure:
        _logger.warning("%s", failure)
        raise Failure(
            "AlgorithmError: Model container failed to respond to ping. Please ensure /ping "
            "endpoint is implemented and responds with an HTTP 200 status code"
        ) from failure


def _transform_all(job: TransformJob, server: ModelServer) -> None:
    """Transform every object of the input; raise Failure if there is none or one was refused."""
    inputs = _inputs(job)
    refusals: set[str | None] = set()
    concurrency = job.request.get("MaxConcurrentTransforms") or _DEFAULT_CONCURRENCY
    with ThreadPoolExecutor(concurrency) as pool:
        while not job.stopping and (some := list(islice(inputs, _LISTED_AT_ONCE))):
            refusals |= set(pool.map(lambda one: _transform(job, server, one), some))
    if not refusals and not job.stopping:
        uri = job.request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
        raise Failure(f"ClientError: No S3 objects found under S3 URL {uri}.")
    # SageMaker's words; its job logs say more, and the emulator's log does here.
    for fault in ("AlgorithmError", "ClientError"):
        if fault in refusals:
            raise Failure(f"{fault}: See job logs for more information")


def _transform(job: TransformJob, server: ModelServer, one: _Input) -> str | None:
    """Transform one object; return whose fault it is if that fails."""
    if job.stopping:
        return None
    try:
        answer = _answer(job, server, one)
    except _Refused as refused:
        _logger.warning("transform job %s: s3://%s/%s: %s", job.name, one.bucket, one.key, refused)
        return refused.fault
    output = job.request["TransformOutput"]
    bucket, prefix = s3.split_uri(output["S3OutputPath"])
    key = "/".join(part for part in (prefix.rstrip("/"), f"{one.name}.out") if part)
    s3.client(job.model.access).put_object(Bucket=bucket, Key=key, Body=answer)
    return None


def _answer(job: TransformJob, server: ModelServer, one: _Input) -> bytes:
    body = _body(job, one)
    headers = {"Accept": job.request["TransformOutput"].get("Accept", _DEFAULT_ACCEPT)}
    if "ContentType" in job.request["TransformInput"]:
        headers["Content-Type"] = job.request["TransformInput"]["ContentType"]
    problem = ""
    for _ in range(1 + _RETRIES):
        try:
            answer = server.invoke(body, headers, seconds=_INVOCATION_SECONDS)
        except ModelServerError as error:
            problem = str(error)
            server.wait_until_back()
            continue
        if answer.status == 200:
            return answer.data
        problem = f"{answer.status}: {answer.data.decode(errors='replace')}"
        if 400 <= answer.status < 500:
            raise _Refused("ClientError", problem)
    raise _Refused("AlgorithmError", problem)


def _body(job: TransformJob, one: _Input) -> bytes:
    limit = job.request.get("MaxPayloadInMB", DEFAULT_MEGABYTES) << 20
    try:
        found = s3.client(job.model.access).get_object(Bucket=one.bucket, Key=one.key)
    except ClientError as error:
        raise _Refused("ClientError", str(error)) from error
    if found["ContentLength"] > limit:
        size = found["ContentLength"]
        raise _Refused("ClientError", f"413: {size} bytes exceed MaxPayloadInMB, {limit} bytes")
    return found["Body"].read()


def _inputs(job: TransformJob) -> Iterator[_Input]:
    source = job.request["TransformInput"]["DataSource"]["S3DataSource"]
    bucket, key = s3.split_uri(source["S3Uri"])
    if source["S3DataType"] == "S3Prefix":
        for found in s3.keys(job.model.access, bucket, key):
            yield _Input(bucket, found, s3.relative_key(found, key))
        return
    try:
        manifest = s3.client(job.model.access).get_object(Bucket=bucket, Key=key)["Body"].read()
        content: Any = json.loads(manifest)
        match content:
            case [{"prefix": str(prefix)}, *names] if all(isinstance(name, str) for name in names):
                pass
            case _:
                raise ValueError('not [{"prefix": "s3://..."}, "key", ...]')
    except (ClientError, ValueError) as error:
        uri = source["S3Uri"]
        raise Failure(f"ClientError: Unable to read the manifest {uri}: {error}") from error
    for name in names:
        bucket, key = s3.split_uri(prefix + name)
        yield _Input(bucket, key, name if prefix.endswith("/") else name.lstrip("/"))
