"""Capture files to test with: crafted ones and the real ones."""

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

CaptureRecord = dict[str, Any]


def png(red: int, mode: str = "RGB") -> bytes:
    """A small picture of one colour; in mode RGBA it is half transparent."""
    buffer = io.BytesIO()
    colour = (red, 20, 30) if mode == "RGB" else (red, 20, 30, 128)
    Image.new(mode, (8, 8), colour).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def picture() -> Callable[..., bytes]:
    return png


@pytest.fixture
def record() -> Callable[..., CaptureRecord]:
    """Makes a capture record; `content=None` or `output=None` leaves that side out."""

    def make(
        event_id: str = "one",
        *,
        output: str | None = "[0.25, 0.75]",
        content: bytes | None = b"",
        time: str = "2024-10-15T14:05:12Z",
        inference_id: str | None = None,
    ) -> CaptureRecord:
        data: dict[str, Any] = {}
        if content is not None:
            data["endpointInput"] = {
                "observedContentType": "image/png",
                "mode": "INPUT",
                "data": base64.b64encode(content or png(10)).decode(),
                "encoding": "BASE64",
            }
        if output is not None:
            data["endpointOutput"] = {
                "observedContentType": "application/json",
                "mode": "OUTPUT",
                "data": output,
                "encoding": "JSON",
            }
        metadata = {"eventId": event_id, "inferenceTime": time}
        if inference_id is not None:
            metadata["inferenceId"] = inference_id
        return {"captureData": data, "eventMetadata": metadata, "eventVersion": "0"}

    return make


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes records as JSON Lines to a file below `tmp_path / "captures"`; gives that folder."""

    def to_file(*records: CaptureRecord, name: str = "a.jsonl") -> Path:
        file = tmp_path / "captures" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(json.dumps(each) + "\n" for each in records), encoding="utf-8")
        return tmp_path / "captures"

    return to_file
