"""Capture records as an endpoint writes them."""

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

Write = Callable[..., Path]
"""Writes records as JSON Lines to a file, and returns the folder of all files."""


def write_to(folder: Path) -> Write:
    """Return a function that writes below a folder, which need not exist."""

    def write(*records: dict[str, Any], name: str = "a.jsonl") -> Path:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(json.dumps(each) + "\n" for each in records), encoding="utf-8")
        return folder

    return write


def png(red: int = 10, mode: str = "RGB") -> bytes:
    """A small picture of one colour, half transparent in mode RGBA."""
    buffer = io.BytesIO()
    colour = (red, 20, 30) if mode == "RGB" else (red, 20, 30, 128)
    Image.new(mode, (8, 8), colour).save(buffer, "PNG")
    return buffer.getvalue()


PNG = png()


def record(
    event_id: str = "one",
    *,
    output: str | None = "[0.25, 0.75]",
    encoding: str = "JSON",
    content: bytes | None = PNG,
    content_type: str = "image/png",
    time: str = "2024-10-15T14:05:12Z",
    inference_id: str | None = None,
) -> dict[str, Any]:
    """A capture record; `content=None` or `output=None` leaves that side out."""
    data: dict[str, Any] = {}
    if content is not None:
        data["endpointInput"] = {
            "observedContentType": content_type,
            "mode": "INPUT",
            "data": base64.b64encode(content).decode(),
            "encoding": "BASE64",
        }
    if output is not None:
        data["endpointOutput"] = {
            "observedContentType": "application/json",
            "mode": "OUTPUT",
            "data": output,
            "encoding": encoding,
        }
    metadata = {"eventId": event_id, "inferenceTime": time}
    if inference_id is not None:
        metadata["inferenceId"] = inference_id
    return {"captureData": data, "eventMetadata": metadata, "eventVersion": "0"}
