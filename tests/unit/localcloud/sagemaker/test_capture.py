import json
import logging
import random
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.sagemaker import capture
from localcloud.sagemaker.capture import CaptureConfig, CaptureWriter, Invocation, Payload

WHEN = datetime(2024, 10, 15, 14, 5, 12, 996123, tzinfo=UTC)
PICTURE = b"\x89PNG\r\n\x1a\n\xff"


def config(**changes: Any) -> CaptureConfig:
    parameter: dict[str, Any] = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": "s3://bucket/captures",
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {
            "CsvContentTypes": ["text/csv"],
            "JsonContentTypes": ["application/json"],
        },
    }
    return CaptureConfig(parameter | changes)


def invocation(**changes: Any) -> Invocation:
    values: dict[str, Any] = {
        "variant": "AllTraffic",
        "request": Payload(content_type="image/png", body=PICTURE),
        "response": Payload(content_type="application/json", body=b"[0.9, 0.1]"),
        "time": WHEN,
    }
    return Invocation(**values | changes)


def without_values(value: Any) -> Any:
    """Structure of a record: its keys in order, and the values that say what the data is."""
    if not isinstance(value, dict):
        return type(value).__name__
    kept = ("observedContentType", "mode", "encoding", "eventVersion")
    return [(key, item if key in kept else without_values(item)) for key, item in value.items()]


def test_a_record_has_the_form_of_every_real_one(real_captures: Path) -> None:
    ours = config().record(invocation())
    files = real_captures.glob("*.jsonl")
    lines = [line for file in files for line in file.read_text().splitlines()]
    assert len(lines) == 22
    for line in lines:
        real = json.loads(line)
        assert without_values(ours) == without_values(real)
        time_form = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
        for record in (ours, real):
            assert re.fullmatch(time_form, record["eventMetadata"]["inferenceTime"])


@pytest.mark.parametrize(
    ("content_type", "encoding", "data"),
    [
        ("image/png", "BASE64", "WzFd"),  # not in the configuration
        ("text/csv", "CSV", "[1]"),
        ("application/json", "JSON", "[1]"),
        ("application/json; charset=utf-8", "JSON", "[1]"),
    ],
)
def test_the_content_type_decides_the_encoding(content_type: str, encoding: str, data: str) -> None:
    response = Payload(content_type=content_type, body=b"[1]")
    output = config().record(invocation(response=response))["captureData"]["endpointOutput"]
    assert (output["encoding"], output["data"]) == (encoding, data)


@pytest.mark.parametrize(
    ("mode", "sides"),
    [
        ("Input", ["endpointInput"]),
        ("Output", ["endpointOutput"]),
        ("InputAndOutput", ["endpointInput", "endpointOutput"]),
    ],
)
def test_only_the_sides_that_are_asked_for(mode: str, sides: list[str]) -> None:
    record = config(CaptureOptions=[{"CaptureMode": mode}]).record(invocation())
    assert list(record["captureData"]) == sides


@pytest.mark.parametrize("prefix", ["", "captures/"])
@pytest.mark.parametrize("slash", [True, False])
def test_the_key_names_endpoint_variant_and_time(prefix: str, slash: bool) -> None:
    destination = f"s3://bucket/{prefix}"
    destination = destination if slash else destination.removesuffix("/")
    key = config(DestinationS3Uri=destination).key("scones", invocation())
    uuid = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    name = rf"{prefix}scones/AllTraffic/2024/10/15/14/05-12-996-{uuid}\.jsonl"
    assert re.fullmatch(name, key)


@pytest.mark.parametrize(
    ("percentage", "low", "high"), [(0, 0, 0), (30, 250, 350), (100, 1000, 1000)]
)
def test_the_share_that_is_sampled(percentage: int, low: int, high: int) -> None:
    random.seed(7)
    sampled = sum(config(InitialSamplingPercentage=percentage).samples() for _ in range(1000))
    assert low <= sampled <= high


class Bucket:
    """Takes files as S3 does; `closed` until it is opened."""

    def __init__(self) -> None:
        self.files: dict[str, list[Any]] = {}
        self.opened = threading.Event()
        self.opened.set()
        self.written = threading.Event()

    def put(self, bucket: str, key: str, content: bytes) -> None:
        assert bucket == "bucket"
        assert self.opened.wait(5)
        assert content.endswith(b"\n")
        self.files[key] = [json.loads(line) for line in content.splitlines()]
        self.written.set()


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


@pytest.fixture
def writer(bucket: Bucket) -> Iterator[CaptureWriter]:
    made = CaptureWriter(config=config(), endpoint="scones", put_object=bucket.put)
    yield made
    made.close()


def test_records_of_other_variants_and_hours_go_to_other_files(
    bucket: Bucket, writer: CaptureWriter
) -> None:
    later = WHEN.replace(hour=15)
    for changes in ({}, {"variant": "Blue"}, {"time": later}, {}):
        writer.capture(invocation(**changes))
    writer.close()
    counts = {key.rpartition("/")[0]: len(records) for key, records in bucket.files.items()}
    assert len(bucket.files) == 3
    assert counts == {
        "captures/scones/AllTraffic/2024/10/15/14": 2,
        "captures/scones/AllTraffic/2024/10/15/15": 1,
        "captures/scones/Blue/2024/10/15/14": 1,
    }


def test_records_are_written_soon_without_a_close(bucket: Bucket, writer: CaptureWriter) -> None:
    writer.capture(invocation())
    assert bucket.written.wait(60)


def test_a_slow_s3_holds_up_no_invocation_and_loses_no_record(
    bucket: Bucket, writer: CaptureWriter
) -> None:
    bucket.opened.clear()
    count = 2 * capture.RECORDS_PER_FILE + 1
    for _ in range(count):
        writer.capture(invocation())  # would never return if it waited for S3
    assert bucket.files == {}
    bucket.opened.set()
    writer.close()
    records = [record for records in bucket.files.values() for record in records]
    assert len({record["eventMetadata"]["eventId"] for record in records}) == count
    assert max(map(len, bucket.files.values())) == capture.RECORDS_PER_FILE


def test_a_refusing_s3_is_logged_and_does_not_end_the_capture(
    caplog: pytest.LogCaptureFixture,
) -> None:
    written: list[str] = []

    def refuse_first(_bucket: str, key: str, _content: bytes) -> None:
        written.append(key)
        if len(written) == 1:
            raise ClientError({"Error": {"Code": "NoSuchBucket", "Message": "gone"}}, "PutObject")

    writer = CaptureWriter(config=config(), endpoint="scones", put_object=refuse_first)
    with caplog.at_level(logging.ERROR):
        for variant in ("Blue", "Green"):
            writer.capture(invocation(variant=variant))
        writer.close()
    assert len(written) == 2
    assert "1 captures of endpoint scones are lost: s3://bucket/captures/scones/Blue" in caplog.text
