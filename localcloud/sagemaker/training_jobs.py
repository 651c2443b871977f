"""Training jobs: channels in, the algorithm on /opt/ml in a process, the model out.

The contract of the folders and files:
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html
"""

import json
import math
import re
import shutil
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from boto3.exceptions import Boto3Error
from botocore.exceptions import ClientError

from localcloud.sagemaker import jobs, processes, s3
from localcloud.sagemaker.contract import Failure, invalid, not_implemented
from localcloud.sagemaker.models import ALGORITHM, METRICS, check_image, pack
from localcloud.sagemaker.records import Scope, Table, now


@dataclass(kw_only=True, eq=False)
class TrainingJob(jobs.Job):
    """A training job."""

    prefix = "TrainingJob"

    transitions: list[dict[str, Any]] = field(default_factory=list)
    metrics: dict[str, dict[str, Any]] = field(default_factory=dict)
    artifacts: str | None = None
    stop_cause: Literal["Stopped", "MaxRuntimeExceeded"] = "Stopped"
    process: subprocess.Popen[str] | None = None

    @property
    def channels(self) -> list[dict[str, Any]]:
        """Its input channels."""
        channels: list[dict[str, Any]] = self.request.get("InputDataConfig", [])
        return channels

    @property
    def access(self) -> s3.Access:
        """Reads the channels and writes the model."""
        return s3.Access(scope=self.scope, role=self.request["RoleArn"])

    def enter(self, secondary_status: str, message: str) -> None:
        """Begin a phase."""
        with self.changed:
            self.modified = now()
            if self.transitions:
                self.transitions[-1]["EndTime"] = self.modified
            self.transitions.append(
                {"Status": secondary_status, "StartTime": self.modified, "StatusMessage": message}
            )

    def stop(self) -> bool:
        """Ask the job to end, and its process as well; return False if it has ended."""
        with self.changed:
            begins = self.status == "InProgress"
            accepted = super().stop()
            if begins:
                self.enter("Stopping", "Stopping the training job")
                if self.process is not None:
                    threading.Thread(target=processes.stop, args=(self.process,)).start()
        return accepted

    def exceed_runtime(self) -> None:
        """Stop the job unless that was asked for before."""
        with self.changed:
            if self.status == "InProgress":
                self.stop_cause = "MaxRuntimeExceeded"
                self.stop()

    def end(self, failure_reason: str | None) -> None:
        """End, and enter the phase of that name."""
        with self.changed:
            super().end(failure_reason)
            phase = self.stop_cause if self.status == "Stopped" else self.status
            self.enter(phase, f"Training job {self.status.lower()}")
            self.ended = self.transitions[-1]["EndTime"] = self.modified

    def description(self) -> dict[str, Any]:
        """Return the members of DescribeTrainingJob and of its summary."""
        definitions = [{"Name": name, "Regex": regex} for name, regex in METRICS.items()]
        with self.changed:
            seconds = None
            if self.started and self.ended:
                seconds = max(1, math.ceil((self.ended - self.started).total_seconds()))
            return super().description() | {
                "AlgorithmSpecification": {
                    **self.request["AlgorithmSpecification"],
                    "MetricDefinitions": definitions,
                },
                "SecondaryStatus": self.transitions[-1]["Status"],
                "SecondaryStatusTransitions": [dict(item) for item in self.transitions],
                "TrainingTimeInSeconds": seconds,
                "BillableTimeInSeconds": seconds,
                "ModelArtifacts": self.artifacts and {"S3ModelArtifacts": self.artifacts},
                "FinalMetricDataList": list(self.metrics.values()) or None,
            }


TRAINING_JOBS: Final = Table(
    TrainingJob,
    missing="Requested resource not found.",
    duplicate="Training job names must be unique within an AWS account and region, and a training "
    "job with this name already exists ({arn})",
    listed_as="TrainingJobSummaries",
    order="Ascending",
)

stop = jobs.stop(TRAINING_JOBS, "training job")


def create(scope: Scope, request: dict[str, Any]) -> dict[str, Any]:
    """CreateTrainingJob: start training in the background."""
    _check(request)
    job = TrainingJob(scope=scope, request=request)
    job.enter("Starting", "Preparing the instances for training")
    TRAINING_JOBS.add(job)
    processes.run_in_background(lambda: _run(job), end=job.end, name=job.name)
    return {"TrainingJobArn": job.arn}


def _check(request: dict[str, Any]) -> None:
    for needed in ("AlgorithmSpecification", "ResourceConfig", "StoppingCondition"):
        if needed not in request:
            raise invalid(f"{needed} is required to create a training job.")
    specification = request["AlgorithmSpecification"]
    if "TrainingImage" not in specification:
        raise not_implemented("AlgorithmSpecification without TrainingImage")
    check_image(specification["TrainingImage"])
    if specification["TrainingInputMode"] != "File":
        raise not_implemented(f"TrainingInputMode {specification['TrainingInputMode']}")
    if "MetricDefinitions" in specification:
        raise invalid(
            "You can't override the metric definitions for Amazon SageMaker algorithms. "
            "Please retry the request without specifying metric definitions."
        )
    if not {"InstanceType", "InstanceCount"} <= request["ResourceConfig"].keys():
        raise invalid("ResourceConfig needs InstanceType and InstanceCount.")
    output = request["OutputDataConfig"]
    s3.split_uri(output["S3OutputPath"])
    if output.get("CompressionType", "GZIP") != "GZIP":
        raise not_implemented("training output with CompressionType NONE")
    channels = request.get("InputDataConfig", [])
    if len({channel["ChannelName"] for channel in channels}) < len(channels):
        raise invalid("Channel names of InputDataConfig must be unique.")
    for channel in channels:
        _check_channel(channel)


def _check_channel(channel: dict[str, Any]) -> None:
    name = channel["ChannelName"]
    source = channel["DataSource"].get("S3DataSource")
    if source is None:
        raise not_implemented(f"channel {name}: data sources other than S3DataSource")
    if source["S3DataType"] != "S3Prefix":
        raise not_implemented(f"channel {name}: S3DataType {source['S3DataType']}")
    for member, value in {"InputMode": "File", "CompressionType": "None"}.items():
        if channel.get(member, value) != value:
            raise not_implemented(f"channel {name}: {member} {channel[member]}")
    s3.split_uri(source["S3Uri"])


def _run(job: TrainingJob) -> None:
    folder = processes.new_folder(f"training-{job.name}")
    root = folder / "ml"
    try:
        _download(job, root)
        if not job.stopping:
            _train(job, root, folder / "log")
        _upload(job, root / "model", folder / "model.tar.gz")
    finally:
        shutil.rmtree(root)


def _download(job: TrainingJob, root: Path) -> None:
    job.enter("Downloading", "Downloading input data")
    job.started = now()
    for part in ("input/config", "input/data", "model"):
        (root / part).mkdir(parents=True)
    _write_configuration(job, root / "input" / "config")
    with ThreadPoolExecutor(max(1, len(job.channels))) as pool:
        list(pool.map(lambda channel: _download_channel(job, channel, root), job.channels))


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


def _write_configuration(job: TrainingJob, folder: Path) -> None:
    inputs = {
        channel["ChannelName"]: {
            "TrainingInputMode": "File",
            **({"ContentType": channel["ContentType"]} if "ContentType" in channel else {}),
        }
        for channel in job.channels
    }
    for name, content in {
        "hyperparameters": job.request.get("HyperParameters", {}),
        "inputdataconfig": inputs,
    }.items():
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")


def _train(job: TrainingJob, root: Path, log: Path) -> None:
    job.enter("Training", "Training image download completed. Training in progress.")
    seconds = job.request["StoppingCondition"].get("MaxRuntimeInSeconds", 86400)
    limit = threading.Timer(seconds, job.exceed_runtime)
    limit.daemon = True
    with job.changed:
        if job.stopping:
            return
        job.process = processes.start(
            ALGORITHM,
            ["train", str(root)],
            environment=job.request.get("Environment", {}),
            stderr=subprocess.STDOUT,
        )
    limit.start()
    with job.process as process:
        _follow(job, process, log)
        code = process.wait()
    limit.cancel()
    if code != 0 and not job.stopping:
        raise Failure(f"{_reason(root, log)}, exit code: {code}")


def _follow(job: TrainingJob, process: subprocess.Popen[str], log: Path) -> None:
    with log.open("w", encoding="utf-8") as file:
        for line in process.stdout or ():
            file.write(line)
            for name, regex in METRICS.items():
                if match := re.search(regex, line):
                    value = float(match[1])
                    metric = {"MetricName": name, "Value": value, "Timestamp": now()}
                    with job.changed:
                        job.metrics[name] = metric


def _reason(root: Path, log: Path) -> str:
    failure = root / "output" / "failure"
    if failure.exists():
        text = failure.read_text(encoding="utf-8", errors="replace").strip()
    else:
        text = processes.tail(log) or "the algorithm wrote neither a reason nor a log"
    # Built-in algorithms name the kind of error themselves.
    named = text.startswith(("ClientError:", "AlgorithmError:"))
    return text if named else f"AlgorithmError: {text}"


def _upload(job: TrainingJob, model: Path, archive: Path) -> None:
    if job.stopping and not any(model.iterdir()):
        return
    job.enter("Uploading", "Uploading generated training model")
    pack(model, archive)
    prefix = job.request["OutputDataConfig"]["S3OutputPath"].rstrip("/")
    uri = f"{prefix}/{job.name}/output/model.tar.gz"
    bucket, key = s3.split_uri(uri)
    try:
        s3.client(job.access).upload_file(str(archive), bucket, key)
    except (ClientError, Boto3Error) as error:
        raise Failure(f"ClientError: Artifact upload failed: {uri}: {error}") from error
    finally:
        archive.unlink()
    job.artifacts = uri
