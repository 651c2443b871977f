"""Data capture: what an endpoint was asked and answered, as JSON Lines in S3.

Layout and record format, as real endpoints write them:
https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html
"""

import base64
import json
import logging
import queue
import random
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.sagemaker.s3 import split_uri
from localcloud.sagemaker.store import now

FLUSH_SECONDS: Final = 1.0
RECORDS_PER_FILE: Final = 50
"""Bounds the size of a file; records of one picture are some kilobytes."""

_logger = logging.getLogger(__name__)
PutObject = Callable[[str, str, bytes], object]


@dataclass(frozen=True, kw_only=True)
class Payload:
    """A body with its Content-Type, empty if it has none."""

    content_type: str
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """One answered invocation of a variant."""

    variant: str
    request: Payload
    response: Payload
    inference_id: str | None = None
    custom_attributes: str | None = None
    time: datetime = field(default_factory=now)


def is_enabled(config: dict[str, Any]) -> bool:
    """Whether a DataCaptureConfig captures; it does unless it says otherwise."""
    enabled: bool = config.get("EnableCapture", True)
    return enabled


class CaptureConfig:
    """DataCaptureConfig of an endpoint configuration."""

    def __init__(self, config: dict[str, Any]) -> None:
        """Read the parameter, which is valid."""
        self._percentage: int = config["InitialSamplingPercentage"]
        modes = {option["CaptureMode"] for option in config["CaptureOptions"]}
        self._input = bool(modes & {"Input", "InputAndOutput"})
        self._output = bool(modes & {"Output", "InputAndOutput"})
        headers = config.get("CaptureContentTypeHeader", {})
        self._encodings = dict.fromkeys(headers.get("CsvContentTypes", []), "CSV")
        self._encodings |= dict.fromkeys(headers.get("JsonContentTypes", []), "JSON")
        self.bucket, prefix = split_uri(config["DestinationS3Uri"])
        self._prefix = f"{prefix.rstrip('/')}/" if prefix else ""

    def samples(self) -> bool:
        """Whether the next invocation is captured."""
        return random.random() * 100 < self._percentage

    def key(self, endpoint: str, first: Invocation) -> str:
        """Key of a file, from the variant and time of its first record."""
        time = first.time
        name = f"{time:%M-%S}-{time.microsecond // 1000:03d}-{uuid.uuid4()}.jsonl"
        return f"{self._prefix}{endpoint}/{first.variant}/{time:%Y/%m/%d/%H}/{name}"

    def record(self, invocation: Invocation) -> dict[str, Any]:
        """One line of a capture file."""
        data = {}
        if self._input:
            data["endpointInput"] = self._side("INPUT", invocation.request)
        if self._output:
            data["endpointOutput"] = self._side("OUTPUT", invocation.response)
        metadata: dict[str, Any] = {"eventId": str(uuid.uuid4())}
        if invocation.custom_attributes is not None:
            metadata["customAttributes"] = [invocation.custom_attributes]
        if invocation.inference_id is not None:
            metadata["inferenceId"] = invocation.inference_id
        metadata["inferenceTime"] = f"{invocation.time:%Y-%m-%dT%H:%M:%SZ}"
        return {"captureData": data, "eventMetadata": metadata, "eventVersion": "0"}

    def _side(self, mode: str, payload: Payload) -> dict[str, str]:
        media_type = payload.content_type.partition(";")[0].strip().lower()
        # What no header is configured for is base64, as the API's reference says.
        encoding = self._encodings.get(media_type, "BASE64")
        as_text = base64.b64encode(payload.body) if encoding == "BASE64" else payload.body
        return {
            "observedContentType": payload.content_type,
            "mode": mode,
            "data": as_text.decode(errors="replace"),
            "encoding": encoding,
        }


class CaptureWriter:
    """Writes the captures of one deployment of an endpoint, on a thread of its own.

    An invocation only puts its record into a queue: it neither waits for S3 nor fails with it.
    """

    def __init__(self, *, config: CaptureConfig, endpoint: str, put_object: PutObject) -> None:
        """Start writing; `put_object` takes bucket, key and content."""
        self._config = config
        self._endpoint = endpoint
        self._put_object = put_object
        self._queue: queue.SimpleQueue[Invocation | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"capture-{endpoint}", daemon=True)
        self._thread.start()

    def capture(self, invocation: Invocation) -> None:
        """Record an invocation, if the sampling hits it."""
        if self._config.samples():
            self._queue.put(invocation)

    def close(self) -> None:
        """Write what is not written yet, and return when it is; nothing may be captured after."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        is_open = True
        while is_open:
            batch, is_open = self._next_batch()
            by_hour: defaultdict[tuple[str, str], list[Invocation]] = defaultdict(list)
            for invocation in batch:
                by_hour[invocation.variant, f"{invocation.time:%Y%m%d%H}"].append(invocation)
            for invocations in by_hour.values():
                self._write(invocations)

    def _next_batch(self) -> tuple[list[Invocation], bool]:
        """What arrives within a second of the first record, and whether more may come."""
        batch: list[Invocation] = []
        item = self._queue.get()
        deadline = monotonic() + FLUSH_SECONDS
        while item is not None:
            batch.append(item)
            if len(batch) == RECORDS_PER_FILE:
                return batch, True
            try:
                item = self._queue.get(timeout=max(0.0, deadline - monotonic()))
            except queue.Empty:
                return batch, True
        return batch, False

    def _write(self, invocations: list[Invocation]) -> None:
        lines = (
            json.dumps(self._config.record(invocation), separators=(",", ":"), ensure_ascii=False)
            for invocation in invocations
        )
        content = "".join(f"{line}\n" for line in lines).encode()
        key = self._config.key(self._endpoint, invocations[0])
        try:
            self._put_object(self._config.bucket, key, content)
        except (ClientError, BotoCoreError) as error:
            # As on AWS: an endpoint whose captures cannot be written goes on serving.
            _logger.error(
                "%d captures of endpoint %s are lost: s3://%s/%s: %s",
                len(invocations),
                self._endpoint,
                self._config.bucket,
                key,
                error,
            )
