import io
import json
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws
from PIL import Image

from stacks.constructs.workflow.workflow_expressions import STATUS_OF_ERROR

ENVIRONMENT = {
    "AWS_RETRY_MODE": "adaptive",
    "AWS_MAX_ATTEMPTS": "1",
    "CLASSES": "bicycle,motorcycle",
    "CONFIDENCE_THRESHOLD": "0.93",
    "DATA_BUCKET": "pictures",
    "ENDPOINT_NAME": "scones-dev",
    "PICTURE_FAULTS": ",".join(STATUS_OF_ERROR),
    "REJECTION_STYLE": "status",
    "RESULTS_BUCKET": "artifacts",
    "THREADS": "3",
}
STEPS = ("serialize_image", "classify_image", "filter_confidence")
ENOUGH = SimpleNamespace(get_remaining_time_in_millis=lambda: 300_000)

Answer = Callable[[bytes], bytes]


class Endpoint:
    """Answers by the picture's colour, and counts."""

    def __init__(self) -> None:
        self.calls = 0
        self.answer: Answer = self.by_colour

    def by_colour(self, picture: bytes) -> bytes:
        red, *_ = Image.open(io.BytesIO(picture)).convert("RGB").tobytes()
        return json.dumps([red / 255, 1 - red / 255]).encode()

    def invoke_endpoint(self, *, Body: bytes, **_: Any) -> dict[str, Any]:
        self.calls += 1
        return {"Body": io.BytesIO(self.answer(Body))}


@pytest.fixture
def handler(import_handler: Any) -> Iterator[ModuleType]:
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="pictures")
        s3.create_bucket(Bucket="artifacts")
        for step in STEPS:
            import_handler(step, **ENVIRONMENT)
        yield import_handler("classify_batch", **ENVIRONMENT)


@pytest.fixture
def endpoint(handler: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    fake = Endpoint()
    runtime = handler.classify_image.__globals__["runtime"]
    monkeypatch.setattr(runtime, "invoke_endpoint", fake.invoke_endpoint)
    return fake


def put(key: str, red: int | bytes) -> None:
    body = red if isinstance(red, bytes) else picture(red)
    boto3.client("s3", region_name="us-east-1").put_object(Bucket="pictures", Key=key, Body=body)


def picture(red: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), (red, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def event(*rows: Any, first: int = 0) -> dict[str, Any]:
    items = [{"index": first + number, "item": row} for number, row in enumerate(rows)]
    return {"BatchInput": {"results": "bulk/run"}, "Items": items}


def part(key: str) -> list[dict[str, Any]]:
    body = boto3.client("s3", region_name="us-east-1").get_object(Bucket="artifacts", Key=key)
    return [json.loads(line) for line in body["Body"].read().splitlines()]


def parts() -> list[str]:
    listed = boto3.client("s3", region_name="us-east-1").list_objects_v2(Bucket="artifacts")
    return [each["Key"] for each in listed.get("Contents", [])]


def test_each_picture_gets_one_line_in_order(handler: ModuleType, endpoint: Endpoint) -> None:
    for key, red in (("sure.png", 255), ("unsure.png", 128), ("note.txt", b"hello")):
        put(key, red)
    rows = ["sure.png", {"key": "unsure.png"}, "note.txt", "gone.png", {"name": "x"}, "sure.png"]

    answer = handler.lambda_handler(event(*rows, first=40), ENOUGH)

    assert answer["first"] == 40
    assert answer["counts"] == {"accepted": 2, "rejected": 1, "failed": 3}
    lines = part(answer["part"])
    assert [line["index"] for line in lines] == [40, 41, 42, 43, 44, 45]
    assert [(line["key"], line["status"], line.get("error")) for line in lines] == [
        ("sure.png", "accepted", None),
        ("unsure.png", "rejected", None),
        ("note.txt", "failed", "NotAnImage"),
        ("gone.png", "failed", "ImageNotFound"),
        (None, "failed", "InvalidImageReference"),
        ("sure.png", "accepted", None),
    ]
    assert lines[0] == {
        "index": 40,
        "key": "sure.png",
        "status": "accepted",
        "label": "bicycle",
        "confidence": 1.0,
        "inferences": [1.0, 0.0],
    }
    assert "below the threshold" in lines[1]["reason"]
    assert "s3://pictures/gone.png" in lines[3]["reason"]
    assert "row 45 of the manifest is {'name': 'x'}" in lines[4]["reason"]


def test_what_is_finished_is_not_paid_for_twice(handler: ModuleType, endpoint: Endpoint) -> None:
    put("one.png", 255)
    put("two.png", b"not yet a picture")
    first = handler.lambda_handler(event("one.png", "two.png"), ENOUGH)
    put("two.png", 0)

    second = handler.lambda_handler(event("one.png", "two.png"), ENOUGH)
    third = handler.lambda_handler(event("one.png", "two.png"), ENOUGH)

    assert first["part"] == second["part"] == third["part"]
    assert [line["status"] for line in part(second["part"])] == ["accepted", "accepted"]
    assert second["counts"] == third["counts"] == {"accepted": 2}
    assert endpoint.calls == 2


def test_other_pictures_have_another_part(handler: ModuleType, endpoint: Endpoint) -> None:
    put("one.png", 255)

    answers = [
        handler.lambda_handler(event("one.png", first=first), ENOUGH)["part"] for first in (0, 1)
    ]

    assert sorted(parts()) == sorted(set(answers))
    assert len(set(answers)) == 2


def throttled_after(endpoint: Endpoint, calls: int, fault: Exception) -> None:
    def answer(picture: bytes) -> bytes:
        if endpoint.calls > calls:
            raise fault
        return endpoint.by_colour(picture)

    endpoint.answer = answer


def client_error(code: str, status: int) -> ClientError:
    return ClientError(
        {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]  # as much as is read
        "InvokeEndpoint",
    )


@pytest.mark.parametrize(
    "fault",
    [
        client_error("ThrottlingException", 400),
        client_error("SlowDown", 503),
        EndpointConnectionError(endpoint_url="https://runtime"),
    ],
)
def test_throttling_keeps_what_is_done_and_asks_for_another_call(
    handler: ModuleType, endpoint: Endpoint, fault: Exception
) -> None:
    rows = [f"{number}.png" for number in range(6)]
    for row in rows:
        put(row, 255)
    throttled_after(endpoint, 4, fault)

    with pytest.raises(handler.BatchUnfinished, match="2 of 6 pictures are left over: "):
        handler.lambda_handler(event(*rows), ENOUGH)

    (key,) = parts()
    assert len(part(key)) == 4
    endpoint.answer = endpoint.by_colour
    assert handler.lambda_handler(event(*rows), ENOUGH)["counts"] == {"accepted": 6}
    assert endpoint.calls == 8


def test_no_picture_is_begun_that_the_call_may_not_live_to_finish(
    handler: ModuleType, endpoint: Endpoint
) -> None:
    put("one.png", 255)
    late = SimpleNamespace(get_remaining_time_in_millis=lambda: handler.MARGIN_MILLISECONDS - 1)

    with pytest.raises(handler.BatchUnfinished, match="1 of 1 pictures are left over: no time"):
        handler.lambda_handler(event("one.png"), late)

    assert endpoint.calls == 0
    assert parts() == []


def test_a_fault_of_ours_fails_the_batch_and_keeps_what_is_done(
    handler: ModuleType, endpoint: Endpoint
) -> None:
    for row in ("0.png", "1.png"):
        put(row, 255)
    missing = client_error("ValidationError", 400)
    throttled_after(endpoint, 1, missing)

    with pytest.raises(ClientError) as raised:
        handler.lambda_handler(event("0.png", "1.png"), ENOUGH)

    assert raised.value is missing
    (key,) = parts()
    assert [line["status"] for line in part(key)] == ["accepted"]


def test_throttling_of_one_thread_slows_down_all(handler: ModuleType) -> None:
    runtime = handler.classify_image.__globals__["runtime"]

    assert runtime.meta.config.retries["mode"] == "adaptive"
