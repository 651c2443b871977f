"""The drift detector's handler, and the AWS around it."""

import gzip
import io
import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lambda_src.drift_detector.baseline import Baseline, Observation, StoredBaseline
from tests import capture_records
from tests.unit.lambda_src import objects

PREFIX = "captures/scones-dev/AllTraffic/"
NOW = datetime.now(UTC).replace(microsecond=0)
MINUTE = timedelta(minutes=1)
CREATED = NOW - timedelta(hours=1)
ENVIRONMENT = {
    "CAPTURE_BUCKET": "captures",
    "CAPTURE_PREFIX": PREFIX,
    "STATE_BUCKET": "artifacts",
    "STATE_KEY": "drift/state.json",
    "BASELINE_KEY": "baselines/one.json",
    "CONFIDENCE_THRESHOLD": "0.93",
    "METRIC_NAMESPACE": "Scones/dev",
    "ENDPOINT_NAME": "scones-dev",
    "MODEL_NAME": "model-one",
    "MODEL_NAME_PARAMETER": "/scones/dev/model/name",
}


def png(brightness: int, *, seed: int = 0) -> bytes:
    noise = np.random.default_rng(seed).integers(-20, 20, (8, 8, 3))
    file = io.BytesIO()
    Image.fromarray((brightness + noise).clip(0, 255).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def record(
    *,
    confidence: float = 0.97,
    picture: bytes | None = None,
    time: datetime | None = None,
    inference_id: str | None = None,
    output: str | None = None,
) -> dict[str, Any]:
    return capture_records.record(
        str(uuid.uuid4()),
        output=output or json.dumps([confidence, 1 - confidence]),
        content=picture,
        time=f"{time or datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        inference_id=inference_id,
    )


class Killed(BaseException):
    """The process ends here."""


class Context:
    """Lambda's, with so many milliseconds left at each look, the last ones forever."""

    def __init__(self, *left: int) -> None:
        self.left = list(left or [900_000])

    def get_remaining_time_in_millis(self) -> int:
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]


class Cloud:
    def __init__(self, handler: ModuleType, patch: pytest.MonkeyPatch) -> None:
        self.handler = handler
        self.patch = patch
        self.s3, self.ssm = handler.s3, handler.ssm
        self.cloudwatch = handler.metrics.cloudwatch
        self.slept: list[float] = []
        self.late = timedelta()
        self.files = 0
        patch.setattr(handler.time, "sleep", self.sleep)
        patch.setattr(handler, "_now", lambda: datetime.now(UTC) + self.late)

    def change(self, **variables: str) -> None:
        """Change variables of the environment."""
        changed = replace(self.handler.environment, **variables)
        self.patch.setattr(self.handler, "environment", changed)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.late += timedelta(seconds=seconds)

    def put(
        self, *records: dict[str, Any] | bytes, hour: datetime = NOW, packed: bool = False
    ) -> str:
        lines = (each if isinstance(each, bytes) else json.dumps(each).encode() for each in records)
        content = b"\n".join(lines)
        self.files += 1
        key = f"{PREFIX}{hour:%Y/%m/%d/%H}/{self.files:05d}.jsonl"
        body = gzip.compress(content) if packed else content
        self.s3.put_object(Bucket="captures", Key=key, Body=body)
        return key

    def put_records(self, count: int, **described: Any) -> str:
        return self.put(*(record(**described) for _ in range(count)))

    def run(self, *left: int) -> dict[str, Any]:
        result: dict[str, Any] = self.handler.lambda_handler({}, Context(*left))
        self.late += MINUTE
        return result

    def metric(self, name: str) -> list[float]:
        """Sums by minute; no minute has two values."""
        found = self.cloudwatch.get_metric_statistics(
            Namespace="Scones/dev",
            MetricName=name,
            Dimensions=[{"Name": "EndpointName", "Value": "scones-dev"}],
            StartTime=NOW - timedelta(days=1),
            EndTime=NOW + timedelta(days=1),
            Period=60,
            Statistics=["Sum", "SampleCount"],
        )["Datapoints"]
        assert all(point["SampleCount"] == 1 for point in found)
        return [point["Sum"] for point in sorted(found, key=lambda point: point["Timestamp"])]

    def serve(self, model_name: str) -> None:
        """Name the model as the inference stack does, before it updates the endpoint."""
        name = ENVIRONMENT["MODEL_NAME_PARAMETER"]
        self.ssm.put_parameter(Name=name, Value=model_name, Type="String", Overwrite=True)

    def metric_names(self) -> set[str]:
        found = self.cloudwatch.list_metrics(Namespace="Scones/dev")["Metrics"]
        return {each["MetricName"] for each in found}

    def state(self) -> dict[str, Any]:
        return dict(json.loads(objects.get("artifacts", "drift/state.json")))


def make_baseline(brightness: float = 100) -> Baseline:
    pictures = [
        Observation(0.95 + 0.0002 * number, number % 2, brightness + number % 9, 11, 1)
        for number in range(200)
    ]
    return Baseline.of(pictures, class_count=2)


def raw(content: bytes) -> io.RawIOBase:
    class Body(io.RawIOBase):
        def __init__(self) -> None:
            self.content = io.BytesIO(content)

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            return self.content.readinto(buffer)

    return Body()


def make_stored_baseline() -> StoredBaseline:
    return StoredBaseline(
        created=CREATED,
        model_data_url="s3://artifacts/models/model.tar.gz",
        dataset="datasets/one",
        classes=("bicycle", "motorcycle"),
        baseline=make_baseline(),
    )
