"""Running one transform job: each object to the model server, each answer to S3.

What becomes of a job with bad objects: "Batch transform [...] uploads only the output for
successfully processed objects. If any object fails [...] marks the job as failed",
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
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import ClientError

from localcloud.sagemaker import processes, s3
from localcloud.sagemaker.errors import Failure
from localcloud.sagemaker.fleet import start_server
from localcloud.sagemaker.model_server import ModelServer, ModelServerError
from localcloud.sagemaker.store import now
from localcloud.sagemaker.transform_job import TransformJob

DEFAULT_MEGABYTES: Final = 6
_DEFAULT_SECONDS: Final = 600
_DEFAULT_RETRIES: Final = 3
# A built-in algorithm says itself how many; this many keep a local server busy.
_DEFAULT_AT_ONCE: Final = 4
# In its answer to a transform job the built-in algorithm has JSON Lines, also unasked.
_DEFAULT_ACCEPT: Final = "application/jsonlines"
_LISTED_AT_ONCE: Final = 1000

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Input:
    """An object to be transformed."""

    bucket: str
    key: str
    name: str
    """What its output is called, without `.out`: the key without the prefix of the input."""


class _Refused(Exception):
    """One object cannot be transformed; `fault` is ClientError or AlgorithmError."""

    def __init__(self, fault: str, message: str) -> None:
        super().__init__(f"{fault}: {message}")
        self.fault = fault


def run(job: TransformJob) -> None:
    """Run `job` to its end; whatever goes wrong becomes its FailureReason."""
    reason = None
    folder = processes.new_folder(f"transform-{job.name}")
    try:
        reason = _run(job, folder)
    except Failure as failure:
        reason = str(failure)
    except Exception as error:  # a job must end, or its clients wait for ever
        _logger.exception("transform job %s", job.arn)
        reason = f"InternalServerError: {type(error).__name__}: {error}"
    finally:
        shutil.rmtree(folder)
        job.end(reason)


def _run(job: TransformJob, folder: Path) -> str | None:
    container = job.container
    environment = {**container.get("Environment", {}), **job.request.get("Environment", {})}
    server = start_server(
        job.access, {**container, "Environment": environment}, name="transform", folder=folder
    )
    try:
        _await(server)
        job.started = now()
        return _transform_all(job, server)
    finally:
        server.stop()


def _await(server: ModelServer) -> None:
    try:
        server.wait_until_healthy()
    except Failure as failure:
        _logger.warning("%s", failure)
        raise Failure(
            "AlgorithmError: Model container failed to respond to ping. Please ensure /ping "
            "endpoint is implemented and responds with an HTTP 200 status code"
        ) from failure


def _transform_all(job: TransformJob, server: ModelServer) -> str | None:
    """Transform every object of the input; gives the reason of failure if one was refused."""
    inputs = _inputs(job)
    refusals: set[str] = set()
    found = 0
    with ThreadPoolExecutor(job.request.get("MaxConcurrentTransforms") or _DEFAULT_AT_ONCE) as pool:
        while not job.stopping and (some := list(islice(inputs, _LISTED_AT_ONCE))):
            found += len(some)
            refusals |= {
                fault
                for fault in pool.map(lambda one: _transform(job, server, one), some)
                if fault is not None
            }
    if found == 0 and not job.stopping:
        uri = job.request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
        raise Failure(f"ClientError: No S3 objects found under S3 URL {uri}.")
    # The words of SageMaker, which tells no more; here the log of the emulator does.
    for fault in ("AlgorithmError", "ClientError"):
        if fault in refusals:
            return f"{fault}: See job logs for more information"
    return None


def _transform(job: TransformJob, server: ModelServer, one: _Input) -> str | None:
    """Transform one object; gives whose fault it is if that cannot be done."""
    if job.stopping:
        return None
    try:
        answer = _answer(job, server, one)
    except _Refused as refused:
        _logger.warning("transform job %s: s3://%s/%s: %s", job.name, one.bucket, one.key, refused)
        return refused.fault
    output = job.request["TransformOutput"]
    bucket, prefix = s3.split_uri(output["S3OutputPath"])
    end = b"\n" if output.get("AssembleWith") == "Line" and not answer.endswith(b"\n") else b""
    key = "/".join(part for part in (prefix.rstrip("/"), f"{one.name}.out") if part)
    s3.client(job.access).put_object(Bucket=bucket, Key=key, Body=answer + end)
    return None


def _answer(job: TransformJob, server: ModelServer, one: _Input) -> bytes:
    body = _body(job, one)
    config = job.request.get("ModelClientConfig", {})
    headers = {"Accept": job.request["TransformOutput"].get("Accept", _DEFAULT_ACCEPT)}
    if "ContentType" in job.request["TransformInput"]:
        headers["Content-Type"] = job.request["TransformInput"]["ContentType"]
    seconds = config.get("InvocationsTimeoutInSeconds", _DEFAULT_SECONDS)
    problem = ""
    for _ in range(1 + config.get("InvocationsMaxRetries", _DEFAULT_RETRIES)):
        try:
            answer = server.invoke(body, headers, seconds=seconds)
        except ModelServerError as error:
            problem = str(error)
            server.wait_until_back()
            continue
        if answer.status == 200:
            return answer.data
        message = f"{answer.status}: {answer.data.decode(errors='replace')}"
        if 400 <= answer.status < 500:
            raise _Refused("ClientError", message)
        problem = message
    raise _Refused("AlgorithmError", problem)


def _body(job: TransformJob, one: _Input) -> bytes:
    limit = job.request.get("MaxPayloadInMB", DEFAULT_MEGABYTES) << 20
    try:
        found = s3.client(job.access).get_object(Bucket=one.bucket, Key=one.key)
    except ClientError as error:
        raise _Refused("ClientError", str(error)) from error
    if found["ContentLength"] > limit:
        size = found["ContentLength"]
        raise _Refused("ClientError", f"413: {size} bytes exceed MaxPayloadInMB, {limit} bytes")
    return found["Body"].read()


def _inputs(job: TransformJob) -> Iterator[_Input]:
    source = job.request["TransformInput"]["DataSource"]["S3DataSource"]
    if source["S3DataType"] == "ManifestFile":
        yield from _of_manifest(job, source["S3Uri"])
        return
    bucket, prefix = s3.split_uri(source["S3Uri"])
    for key in s3.keys(job.access, bucket, prefix):
        yield _Input(bucket, key, s3.relative_key(key, prefix))


def _of_manifest(job: TransformJob, uri: str) -> Iterator[_Input]:
    bucket, key = s3.split_uri(uri)
    try:
        content = s3.client(job.access).get_object(Bucket=bucket, Key=key)["Body"].read()
        manifest: Any = json.loads(content)
        match manifest:
            case [{"prefix": str(prefix)}, *names] if all(isinstance(name, str) for name in names):
                pass
            case _:
                raise ValueError('not [{"prefix": "s3://..."}, "key", ...]')
    except (ClientError, ValueError) as error:
        raise Failure(f"ClientError: Unable to read the manifest {uri}: {error}") from error
    for name in names:
        bucket, key = s3.split_uri(prefix + name)
        yield _Input(bucket, key, name if prefix.endswith("/") else name.lstrip("/"))
