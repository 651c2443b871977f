"""Running one training job: channels in, the algorithm on /opt/ml in a process, the model out.

The contract of the folders and files:
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html
"""

import json
import logging
import re
import shutil
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from boto3.exceptions import Boto3Error
from botocore.exceptions import ClientError

from localcloud.sagemaker import artifacts, processes, s3
from localcloud.sagemaker.errors import Failure
from localcloud.sagemaker.store import now
from localcloud.sagemaker.training_job import TrainingJob

_HOST: Final = "algo-1"
_logger = logging.getLogger(__name__)


def run(job: TrainingJob) -> None:
    """Run `job` to its end; whatever goes wrong becomes its FailureReason."""
    try:
        _run(job, processes.new_folder(f"training-{job.name}"))
        job.complete()
    except Failure as failure:
        job.fail(str(failure))
    except Exception as error:  # a job must end, or its clients wait for ever
        _logger.exception("training job %s", job.arn)
        job.fail(f"InternalServerError: {type(error).__name__}: {error}")


def _run(job: TrainingJob, folder: Path) -> None:
    root = folder / "ml"
    try:
        _download(job, root)
        if job.stop_cause is None:
            _train(job, root, folder / "log")
        _upload(job, root / "model", folder / "model.tar.gz")
    finally:
        shutil.rmtree(root)


def _download(job: TrainingJob, root: Path) -> None:
    job.enter("Downloading", "Downloading input data")
    job.started = now()
    for part in ("input/config", "input/data", "model", "output/data"):
        (root / part).mkdir(parents=True)
    channels = job.request.get("InputDataConfig", [])
    _write_configuration(job, channels, root / "input" / "config")
    with ThreadPoolExecutor(max(1, len(channels))) as pool:
        list(pool.map(lambda channel: _download_channel(job, channel, root), channels))


def _download_channel(job: TrainingJob, channel: dict[str, Any], root: Path) -> None:
    uri = channel["DataSource"]["S3DataSource"]["S3Uri"]
    folder = root / "input" / "data" / channel["ChannelName"]
    folder.mkdir()
    bucket, _ = s3.split_uri(uri)
    detail = ""
    count = 0
    try:
        count = s3.download_prefix(job.access, uri, folder)
    except ClientError as error:
        detail = f" Error message from S3: {error.response['Error'].get('Message', error)}"
    if count == 0:
        raise Failure(
            f'ClientError: Data download failed: No S3 objects found under S3 URL "{uri}" given in '
            f"input data source. Please ensure that the bucket exists in the selected region "
            f"({job.scope.region}), that objects exist under that S3 prefix, and that the role "
            f'"{job.request["RoleArn"]}" has "s3:ListBucket" permissions on bucket "{bucket}".'
            f"{detail}"
        )


def _write_configuration(job: TrainingJob, channels: list[dict[str, Any]], folder: Path) -> None:
    specification = job.request["AlgorithmSpecification"]
    instance_type = job.request["ResourceConfig"]["InstanceType"]
    inputs = {
        channel["ChannelName"]: {
            "TrainingInputMode": channel.get("InputMode", specification["TrainingInputMode"]),
            "S3DistributionType": "FullyReplicated",
            "RecordWrapperType": channel.get("RecordWrapperType", "None"),
            **({"ContentType": channel["ContentType"]} if "ContentType" in channel else {}),
        }
        for channel in channels
    }
    resources = {
        "current_host": _HOST,
        "current_instance_type": instance_type,
        "hosts": [_HOST],
        "network_interface_name": "lo",
    }
    for name, content in {
        "hyperparameters": job.request.get("HyperParameters", {}),
        "inputdataconfig": inputs,
        "resourceconfig": resources,
    }.items():
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")


def _train(job: TrainingJob, root: Path, log: Path) -> None:
    job.enter("Training", "Training image download completed. Training in progress.")
    process = processes.start(
        job.algorithm.module,
        ["train", "--root", str(root)],
        environment={"TRAINING_JOB_NAME": job.name, **job.request.get("Environment", {})},
        stderr=subprocess.STDOUT,
    )
    limit = threading.Timer(
        job.request["StoppingCondition"].get("MaxRuntimeInSeconds", 86400),
        lambda: job.stop("MaxRuntimeExceeded"),
    )
    limit.daemon = True
    limit.start()
    with process:
        job.attach(process)
        _follow(job, process, log)
        code = process.wait()
    limit.cancel()
    if code != 0 and job.stop_cause is None:
        raise Failure(f"{_reason(root, log)}, exit code: {code}")


def _follow(job: TrainingJob, process: subprocess.Popen[str], log: Path) -> None:
    patterns = {name: re.compile(regex) for name, regex in job.algorithm.metrics.items()}
    with log.open("w", encoding="utf-8") as file:
        for line in process.stdout or ():
            file.write(line)
            for name, pattern in patterns.items():
                if match := pattern.search(line):
                    job.add_metric(name, float(match[1]))


def _reason(root: Path, log: Path) -> str:
    failure = root / "output" / "failure"
    if failure.exists():
        text = failure.read_text(encoding="utf-8", errors="replace").strip()
    else:
        text = processes.tail(log) or "the algorithm wrote neither a reason nor a log"
    # Built-in algorithms say themselves which of the two it is.
    return (
        text if text.startswith(("ClientError:", "AlgorithmError:")) else f"AlgorithmError: {text}"
    )


def _upload(job: TrainingJob, model: Path, archive: Path) -> None:
    if job.stop_cause is not None and not any(model.iterdir()):
        return
    job.enter("Uploading", "Uploading generated training model")
    artifacts.pack(model, archive)
    prefix = job.request["OutputDataConfig"]["S3OutputPath"].rstrip("/")
    uri = f"{prefix}/{job.name}/output/model.tar.gz"
    try:
        s3.upload(job.access, archive, uri)
    except (ClientError, Boto3Error) as error:
        raise Failure(f"ClientError: Artifact upload failed: {uri}: {error}") from error
    finally:
        archive.unlink()
    job.artifacts = uri
