"""Pictures and capture records as an endpoint writes them, and the detector that reads them."""

import base64
import io
import json
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import numpy as np
import pytest
from moto import mock_aws
from PIL import Image

from lambda_src.drift_detector.baseline import StoredBaseline
from tests.unit.lambda_src.conftest import ImportHandler
from tests.unit.lambda_src.drift_detector.detector import (
    CREATED,
    ENVIRONMENT,
    Cloud,
    make_baseline,
)

MakeRecord = Callable[..., dict[str, Any]]


def png(brightness: int, *, seed: int = 0) -> bytes:
    """A noisy 8 x 8 picture."""
    noise = np.random.default_rng(seed).integers(-20, 20, (8, 8, 3))
    file = io.BytesIO()
    Image.fromarray((brightness + noise).clip(0, 255).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def record() -> MakeRecord:
    """`record(confidence=0.97)`: a capture record of the present."""

    def make(
        *,
        confidence: float = 0.97,
        picture: bytes | None = None,
        time: datetime | None = None,
        inference_id: str | None = None,
        output: str | None = None,
    ) -> dict[str, Any]:
        metadata = {
            "eventId": str(uuid.uuid4()),
            "inferenceTime": f"{time or datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        }
        if inference_id:
            metadata["inferenceId"] = inference_id
        data: dict[str, Any] = {
            "endpointOutput": {
                "observedContentType": "application/json",
                "mode": "OUTPUT",
                "data": output or json.dumps([confidence, 1 - confidence]),
                "encoding": "JSON",
            }
        }
        if picture is not None:
            data["endpointInput"] = {
                "observedContentType": "image/png",
                "mode": "INPUT",
                "data": base64.b64encode(picture).decode(),
                "encoding": "BASE64",
            }
        return {"captureData": data, "eventMetadata": metadata, "eventVersion": "0"}

    return make


@pytest.fixture
def cloud(import_handler: ImportHandler, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """The detector, with a baseline and no captures yet."""
    with mock_aws():
        handler = import_handler("drift_detector", **ENVIRONMENT)
        s3 = boto3.client("s3")
        for bucket in ("captures", "artifacts"):
            s3.create_bucket(Bucket=bucket)
        StoredBaseline(
            created=CREATED,
            model_data_url="s3://artifacts/models/model.tar.gz",
            dataset="datasets/one",
            classes=("bicycle", "motorcycle"),
            baseline=make_baseline(),
        ).save(s3, bucket="artifacts", key="baselines/one.json")
        cloud = Cloud(handler, monkeypatch)
        cloud.serve(ENVIRONMENT["MODEL_NAME"])
        yield cloud
