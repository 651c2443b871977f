"""Pictures and capture records as an endpoint writes them."""

import base64
import io
import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from PIL import Image

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
