"""Training data, and short ways to the operations of the local cloud's SageMaker."""

import io
import json
import tarfile
import uuid
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError
from PIL import Image

from localcloud.launcher import LocalCloud
from tests.local.localcloud.roles import ROLE
from tests.local.waiting import wait

IMAGE = "811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1"
HYPERPARAMETERS = {"num_classes": "2", "num_training_samples": "24", "image_shape": "3,32,32"}
RESOURCES = {"InstanceType": "ml.g4dn.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 10}
ENDED = ("Completed", "Failed", "Stopped")
CONTENT_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg"}


def picture(label: int, seed: int = 0, form: str = "PNG") -> bytes:
    """A noisy picture of 32 x 32: label 0 has bars across, label 1 has bars upright."""
    noise = np.random.default_rng(seed).integers(0, 60, (32, 32, 3), dtype=np.uint8)
    bars = np.where(np.arange(32) // 4 % 2 == 0, 180, 20).astype(np.uint8)
    pixels = noise + (bars[:, None] if label == 0 else bars[None, :])[..., None]
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, form)
    return content.getvalue()


def new_name() -> str:
    return f"t-{uuid.uuid4().hex[:12]}"


class SageMaker:
    """SageMaker with pictures to train on, and short ways to its operations."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.api = cloud.client("sagemaker")
        self.runtime = cloud.client("sagemaker-runtime")
        self.s3 = cloud.client("s3")
        self.bucket = new_name()
        self.s3.create_bucket(Bucket=self.bucket)
        self._stage()
        self.job = new_name()
        self.train(self.job)
        self.model_data = self.ended(self.job)["ModelArtifacts"]["S3ModelArtifacts"]

    def uri(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"

    def _stage(self) -> None:
        for channel, count in (("train", 24), ("validation", 8)):
            lines = []
            for number in range(count):
                name, label = f"{number}.png", number % 2
                body = picture(label, seed=number + 1000 * (channel == "train"))
                self.put(f"data/{channel}/{name}", body)
                lines.append(f"{number}\t{label}\t{name}")
            self.put(f"data/{channel}.lst", "\n".join(lines).encode())
        # The same few pictures many times: training that takes a while.
        long = [f"{number}\t{number % 2}\t{number % 24}.png" for number in range(20_000)]
        self.put("data/long.lst", "\n".join(long).encode())

    def put(self, key: str, body: bytes) -> str:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)
        return self.uri(key)

    def training_request(self, name: str, **changes: Any) -> dict[str, Any]:
        channels = {
            f"{split}{kind}": f"data/{split}{end}"
            for split in ("train", "validation")
            for kind, end in (("", "/"), ("_lst", ".lst"))
        } | changes.pop("channels", {})
        request = {
            "TrainingJobName": name,
            "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            "RoleArn": ROLE,
            "HyperParameters": HYPERPARAMETERS,
            "InputDataConfig": [self._channel(name, key) for name, key in channels.items()],
            "OutputDataConfig": {"S3OutputPath": self.uri("models")},
            "ResourceConfig": RESOURCES,
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        }
        return request | changes

    def _channel(self, name: str, key: str) -> dict[str, Any]:
        source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": self.uri(key)}}
        return {"ChannelName": name, "ContentType": "application/x-image", "DataSource": source}

    def train(self, name: str, **changes: Any) -> None:
        self.api.create_training_job(**self.training_request(name, **changes))

    def ended(self, job: str) -> dict[str, Any]:
        def described() -> Any:
            answer = self.api.describe_training_job(TrainingJobName=job)
            return answer if answer["TrainingJobStatus"] in ENDED else None

        return dict(wait(described))

    def model(self, model_data: str | None = None) -> str:
        name = new_name()
        self.api.create_model(
            ModelName=name,
            ExecutionRoleArn=ROLE,
            PrimaryContainer={"Image": IMAGE, "ModelDataUrl": model_data or self.model_data},
        )
        return name

    def broken_model_data(self) -> str:
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w:gz") as tar:
            tar.addfile(tarfile.TarInfo("readme"))
        return self.put(f"broken/{new_name()}.tar.gz", content.getvalue())

    def config(
        self, *models: str, weights: tuple[int, ...] = (1, 1), capture: dict[str, Any] | None = None
    ) -> str:
        name = new_name()
        variants = [
            {
                "VariantName": f"Variant{number}",
                "ModelName": model,
                "InstanceType": "ml.m5.large",
                "InitialInstanceCount": 1,
                "InitialVariantWeight": weights[number],
            }
            for number, model in enumerate(models)
        ]
        request: dict[str, Any] = {"EndpointConfigName": name, "ProductionVariants": variants}
        if capture is not None:
            request["DataCaptureConfig"] = capture
        self.api.create_endpoint_config(**request)
        return name

    def settled(self, endpoint: str) -> dict[str, Any]:
        def described() -> Any:
            answer = self.api.describe_endpoint(EndpointName=endpoint)
            return answer if answer["EndpointStatus"] in ("InService", "Failed") else None

        return dict(wait(described))

    def endpoint(self, config: str) -> str:
        name = new_name()
        self.api.create_endpoint(EndpointName=name, EndpointConfigName=config)
        described = self.settled(name)
        assert described["EndpointStatus"] == "InService", described.get("FailureReason")
        return name

    def classify(self, endpoint: str, label: int, form: str = "PNG", **headers: Any) -> bool:
        """Return whether the endpoint recognizes a picture of `label`."""
        answer = self.runtime.invoke_endpoint(
            EndpointName=endpoint,
            Body=picture(label, seed=7, form=form),
            **({"ContentType": CONTENT_TYPES[form]} | headers),
        )
        probabilities = json.loads(answer["Body"].read())
        assert sum(probabilities) == pytest.approx(1)
        return int(np.argmax(probabilities)) == label

    def captures(self, prefix: str) -> dict[str, list[dict[str, Any]]]:
        found = self.objects(prefix)
        return {key: [json.loads(line) for line in found[key].splitlines()] for key in found}

    def objects(self, prefix: str) -> dict[str, bytes]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        return {key: self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read() for key in keys}

    def capture(self, **changes: Any) -> dict[str, Any]:
        return {
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": self.uri("captures"),
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"]},
        } | changes


def code_of(refusal: pytest.ExceptionInfo[ClientError]) -> str:
    return str(refusal.value.response["Error"]["Code"])
