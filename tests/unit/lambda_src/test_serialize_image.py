import base64
import io
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws
from PIL import Image


@pytest.fixture
def handler(import_handler: Any) -> Iterator[ModuleType]:
    with mock_aws():
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="pictures")
        yield import_handler("serialize_image")


def put(key: str, body: bytes) -> dict[str, Any]:
    boto3.client("s3", region_name="us-east-1").put_object(Bucket="pictures", Key=key, Body=body)
    return {"s3_bucket": "pictures", "s3_key": key}


def picture(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32), "red").save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_picture_becomes_base64_text(handler: ModuleType, kind: str) -> None:
    event = put("a b/ü.png", picture(kind))

    answer = handler.lambda_handler(event, None)

    assert answer["statusCode"] == 200
    assert base64.b64decode(answer["body"].pop("image_data")) == picture(kind)
    assert answer["body"] == {**event, "inferences": []}


def test_the_students_event_is_taken(handler: ModuleType) -> None:
    event = {"image_data": "", "inferences": [], **put("one.png", picture("PNG"))}

    assert handler.lambda_handler(event, None)["body"]["s3_key"] == "one.png"


@pytest.mark.parametrize(
    ("event", "named"),
    [
        ({"s3_bucket": "pictures"}, "s3_key is None"),
        ({"s3_bucket": "", "s3_key": "one.png"}, "s3_bucket is ''"),
        ({"s3_bucket": "pictures", "s3_key": 7}, "s3_key is 7"),
        ("one.png", "s3_bucket is None"),
        ({"s3_bucket": "my pictures", "s3_key": "one.png"}, "s3_bucket is 'my pictures'"),
    ],
)
def test_an_incomplete_reference_is_refused(handler: ModuleType, event: Any, named: str) -> None:
    with pytest.raises(handler.InvalidImageReference, match=named):
        handler.lambda_handler(event, None)


def test_a_key_longer_than_s3_takes_is_refused(handler: ModuleType) -> None:
    event = {"s3_bucket": "pictures", "s3_key": "x" * 2000}
    with Stubber(handler.s3) as stubber:
        stubber.add_client_error("get_object", "KeyTooLongError", http_status_code=400)
        with pytest.raises(handler.InvalidImageReference, match="KeyTooLongError"):
            handler.lambda_handler(event, None)


def test_the_message_stays_short_whatever_the_event_holds(handler: ModuleType) -> None:
    # Step Functions cuts a cause at 32,768 characters, and the workflow reads it as JSON.
    with pytest.raises(handler.InvalidImageReference) as caught:
        handler.lambda_handler({"s3_bucket": "pictures", "s3_key": ["x"] * 50_000}, None)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("bucket", "code"), [("pictures", "NoSuchKey"), ("elsewhere", "NoSuchBucket")]
)
def test_a_missing_object_is_named(handler: ModuleType, bucket: str, code: str) -> None:
    with pytest.raises(handler.ImageNotFound, match=f"s3://{bucket}/gone.png: {code}"):
        handler.lambda_handler({"s3_bucket": bucket, "s3_key": "gone.png"}, None)


def test_a_denied_object_is_named(handler: ModuleType) -> None:
    with Stubber(handler.s3) as stubber:
        stubber.add_client_error("get_object", "AccessDenied", http_status_code=403)
        with pytest.raises(handler.ImageAccessDenied, match="s3://other/a.png"):
            handler.lambda_handler({"s3_bucket": "other", "s3_key": "a.png"}, None)


@pytest.mark.parametrize("body", [b"", b"hello", b"GIF89a..."])
def test_what_is_not_a_picture_is_refused(handler: ModuleType, body: bytes) -> None:
    with pytest.raises(handler.NotAnImage, match="s3://pictures/odd"):
        handler.lambda_handler(put("odd", body), None)


def test_the_largest_picture_fits_into_a_state(handler: ModuleType) -> None:
    largest = picture("PNG").ljust(handler.MAX_IMAGE_BYTES, b"\0")

    body = handler.lambda_handler(put("x" * 1000, largest), None)["body"]

    assert len(body["image_data"]) + len(body["s3_key"]) < 256 * 1024 - 8 * 1024


def test_a_picture_too_large_for_a_state_is_refused(handler: ModuleType) -> None:
    too_large = picture("PNG").ljust(handler.MAX_IMAGE_BYTES + 1, b"\0")

    with pytest.raises(handler.ImageTooLarge, match=r"s3://pictures/big has 184,321 bytes"):
        handler.lambda_handler(put("big", too_large), None)
