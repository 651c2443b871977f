"""Data capture: an endpoint's requests and replies, as JSON Lines in S3.

Layout and record format are those of real endpoints:
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

from localcloud.sagemaker.records import now
from localcloud.sagemaker.s3 import split_uri

FLUSH_SECONDS: Final = 1.0
RECORDS_PER_FILE: Final = 50
"""Bounds the size of a file; a record of one picture has a few kilobytes."""

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
    time: datetime = field(default_factory=now)


def is_enabled(config: dict[str, Any]) -> bool:
    """Return whether a DataCaptureConfig captures, as it does by default."""
    enabled: bool = config.get("EnableCapture", True)
    return enabled


class CaptureConfig:
    """DataCaptureConfig of an endpoint configuration."""

    def __init__(self, config: dict[str, Any]) -> None:
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
        """Decide whether to capture the next invocation."""
        return random.random() * 100 < self._percentage

    def key(self, endpoint: str, first: Invocation) -> str:
        """Return the key of a file, made from the variant and time of its first record."""
        time = first.time
        name = f"{time:%M-%S}-{time.microsecond // 1000:03d}-{uuid.uuid4()}.jsonl"
        return f"{self._prefix}{endpoint}/{first.variant}/{time:%Y/%m/%d/%H}/{name}"

    def record(self, invocation: Invocation) -> dict[str, Any]:
        """Return one line of a capture file."""
        data = {}
        if self._input:
            data["endpointInput"] = self._side("INPUT", invocation.request)
        if self._output:
            data["endpointOutput"] = self._side("OUTPUT", invocation.response)
        metadata: dict[str, Any] = {"eventId": str(uuid.uuid4())}
        if invocation.inference_id is not None:
            metadata["inferenceId"] = invocation.inference_id
        metadata["inferenceTime"] = f"{invocation.time:%Y-%m-%dT%H:%M:%SZ}"
        return {"captureData": data, "eventMetadata": metadata, "eventVersion": "0"}

    def _side(self, mode: str, payload: Payload) -> dict[str, str]:
        media_type = payload.content_type.partition(";")[0].strip().lower()
        # Types that the configuration does not list are base64, as the API's reference says.
        encoding = self._encodings.get(media_type, "BASE64")
        as_text = base64.b64encode(payload.body) if encoding == "BASE64" else payload.body
        return {
            "observedContentType": payload.content_type,
            "mode": mode,
            "data": as_text.decode(errors="replace"),
            "encoding": encoding,
        }


class CaptureWriter:
    """Writes the captures of one deployment of an endpoint on its own thread.

    Invocations only put a record into a queue: they neither wait for S3 nor fail with it.
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
        """Record an invocation if it is sampled."""
        if self._config.samples():
            self._queue.put(invocation)

    def close(self) -> None:
        """Write the remaining records, then return; capture nothing afterwards."""
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
        """Return the records of one second, and whether more may come."""
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
            # As on AWS, an endpoint goes on serving when its captures cannot be written.
            _logger.error(
                "%d captures of endpoint %s are lost: s3://%s/%s: %s",
                len(invocations),
                self._endpoint,
                self._config.bucket,
                key,
                error,
            )
