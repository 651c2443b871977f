"""The custom resource, SageMaker and time around it."""

import json
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import ClientError

from tests.unit.lambda_src import objects

ROLE = "arn:aws:iam::111122223333:role/job"
MODEL_KEY = "models/job/output/model.tar.gz"
CLASSES = ["bicycle", "motorcycle"]
PROPERTIES = {
    "JobNamePrefix": "scones-dev",
    "TrainingImage": "111122223333.dkr.ecr.us-east-1.amazonaws.com/image-classification:1",
    "RoleArn": ROLE,
    "DataBucket": "data",
    "DatasetPrefix": "datasets/abc",
    "Classes": CLASSES,
    "OutputPath": "s3://artifacts/models",
    "InstanceType": "ml.g4dn.xlarge",
    "InstanceCount": "1",
    "VolumeSizeInGB": "10",
    "MaxRuntimeInSeconds": "2700",
    "HyperParameters": {"num_layers": "18", "epochs": "30"},
    "Tags": [{"Key": "project", "Value": "scones"}],
}
SPOT = {"MaxWaitInSeconds": "3000", "CheckpointPath": "s3://artifacts/checkpoints"}
KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
KEYS = {"OutputKmsKeyId": KEY, "VolumeKmsKeyId": KEY}
INITIAL_MODEL = "s3://artifacts/models/earlier/output/model.tar.gz"
# What CloudFormation calls a resource whose creation it cancelled.
MADE_UP = "Scones-dev-Training-TrainingJobResource-1A2B3C"
WAITING, DONE = {"IsComplete": False}, {"IsComplete": True}


class SageMaker:
    """Training jobs in a dictionary, behind the boto3 client's methods."""

    def __init__(self, client: Any) -> None:
        self.exceptions = client.exceptions
        self.jobs: dict[str, dict[str, Any]] = {}
        self.stopped: list[str] = []
        self.refusals: list[tuple[str, str, str]] = []
        """Operation, code and message of the errors that come first."""

    def _refuse(self, operation: str) -> None:
        if self.refusals and self.refusals[0][0] == operation:
            _, code, message = self.refusals.pop(0)
            raise ClientError({"Error": {"Code": code, "Message": message}}, operation)

    def describe_training_job(self, *, TrainingJobName: str) -> dict[str, Any]:
        self._refuse("DescribeTrainingJob")
        if TrainingJobName in self.jobs:
            return self.jobs[TrainingJobName]
        raise ClientError(
            {"Error": {"Code": "ValidationException", "Message": "Requested resource not found."}},
            "DescribeTrainingJob",
        )

    def create_training_job(self, *, TrainingJobName: str, **request: Any) -> None:
        self._refuse("CreateTrainingJob")
        assert TrainingJobName not in self.jobs, "SageMaker never frees a name"
        self.jobs[TrainingJobName] = {
            "TrainingJobName": TrainingJobName,
            "TrainingJobStatus": "InProgress",
            "SecondaryStatus": "Starting",
            "request": request,
        }

    def stop_training_job(self, *, TrainingJobName: str) -> None:
        self.stopped.append(TrainingJobName)
        self.jobs[TrainingJobName]["TrainingJobStatus"] = "Stopping"

    def end(self, name: str, status: str, **more: Any) -> None:
        self.jobs[name].update({"TrainingJobStatus": status, "SecondaryStatus": status} | more)

    def complete(self, name: str) -> None:
        objects.put("artifacts", MODEL_KEY)
        self.end(
            name,
            "Completed",
            ModelArtifacts={"S3ModelArtifacts": f"s3://artifacts/{MODEL_KEY}"},
            FinalMetricDataList=[
                {"MetricName": "train:accuracy", "Value": 1.0},
                {"MetricName": "validation:accuracy", "Value": 0.915},
            ],
        )


class Clock:
    """A clock that only sleeping moves, in place of the module `time`."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Resource:
    """The custom resource, as CloudFormation and its framework call it."""

    def __init__(self, handler: Any, sagemaker: SageMaker, clock: Clock) -> None:
        self.handler, self.sagemaker, self.clock = handler, sagemaker, clock

    def ask_for_job(self, **changes: Any) -> dict[str, Any]:
        """Return the event of is_complete: the request and the result of on_event."""
        request = {"RequestType": "Create", "ResourceProperties": {**PROPERTIES, **changes}}
        event: dict[str, Any] = request | self.handler.on_event(request, None)
        return event

    def create(self, **changes: Any) -> str:
        name: str = self.ask_for_job(**changes)["PhysicalResourceId"]
        return name

    def request(self, name: str) -> dict[str, Any]:
        request: dict[str, Any] = self.sagemaker.jobs[name]["request"]
        return request

    def ask(self, name: str, request_type: str = "Create") -> dict[str, Any]:
        event = {
            "RequestType": request_type,
            "PhysicalResourceId": name,
            "ResourceProperties": PROPERTIES,
        }
        if request_type == "Delete":
            assert self.handler.on_event(event, None) == {"PhysicalResourceId": name}
        answer: dict[str, Any] = self.handler.is_complete(event, None)
        return answer


def stage(
    prefix: str, classes: Sequence[str] = CLASSES, *, train: int = 500, **more: object
) -> None:
    counts = {"train": dict.fromkeys(classes, train), "validation": dict.fromkeys(classes, 100)}
    content = {"classes": classes, "counts": counts, **more}
    objects.put("data", f"{prefix}/manifest.json", json.dumps(content))
