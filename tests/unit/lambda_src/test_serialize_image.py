import base64
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber
from hypothesis import given
from moto import mock_aws

from lambda_src.shared import picture_steps
from tests import odd_pictures
from tests.unit.lambda_src.hostile import Mutated, answered, fuzzed, mutated

ACCESS_POINT = "arn:aws:s3:us-west-2:111122223333:accesspoint/other"


@pytest.fixture
def handler(import_handler: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    # Beyond 5 MB moto would write objects to files, and leave these open.
    monkeypatch.setenv("MOTO_S3_DEFAULT_KEY_BUFFER_SIZE", str(16 * 1024 * 1024))
    with mock_aws():
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="pictures")
        yield import_handler("serialize_image")


def put(key: str, body: bytes) -> dict[str, Any]:
    boto3.client("s3", region_name="us-east-1").put_object(Bucket="pictures", Key=key, Body=body)
    return {"s3_bucket": "pictures", "s3_key": key}


def picture(kind: str) -> bytes:
    return odd_pictures.encoded(odd_pictures.photo(), kind)


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
        ("one.png", "found 'one.png'"),
        ({"s3_bucket": "my pictures", "s3_key": "one.png"}, "s3_bucket is 'my pictures'"),
        ({"s3_bucket": "pictures", "s3_key": "\ud800.png"}, r"s3_key is '\\ud800.png'; expected"),
        ({"s3_bucket": ACCESS_POINT, "s3_key": "a.png"}, f"s3_bucket is '{ACCESS_POINT}'"),
        ({"s3_bucket": "other--usw2-az1--x-s3", "s3_key": "a.png"}, "s3_bucket is 'other--usw2"),
    ],
)
def test_an_incomplete_reference_is_refused(handler: ModuleType, event: Any, named: str) -> None:
    with pytest.raises(picture_steps.InvalidImageReference, match=named):
        handler.lambda_handler(event, None)


@pytest.mark.parametrize("key", ["x" * 1025, "\u00fc" * 513])
def test_a_key_longer_than_s3_takes_is_refused(handler: ModuleType, key: str) -> None:
    with pytest.raises(
        picture_steps.InvalidImageReference,
        match=r"s3_key is .*; expected a key of at most 1,024",
    ):
        handler.lambda_handler({"s3_bucket": "pictures", "s3_key": key}, None)


def test_a_bucket_that_s3_cannot_have_is_refused(handler: ModuleType) -> None:
    with Stubber(handler.s3) as stubber:
        stubber.add_client_error("get_object", "InvalidBucketName", http_status_code=400)
        with pytest.raises(picture_steps.InvalidImageReference, match=r"s3_bucket is '10.0.0.1'"):
            handler.lambda_handler({"s3_bucket": "10.0.0.1", "s3_key": "a.png"}, None)


def test_the_message_stays_short_whatever_the_event_holds(handler: ModuleType) -> None:
    # Step Functions cuts a cause at 32,768 characters, and the workflow reads it as JSON.
    with pytest.raises(picture_steps.InvalidImageReference) as caught:
        handler.lambda_handler({"s3_bucket": "pictures", "s3_key": ["x"] * 50_000}, None)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("bucket", "code"), [("pictures", "NoSuchKey"), ("elsewhere", "NoSuchBucket")]
)
def test_a_missing_object_is_named(handler: ModuleType, bucket: str, code: str) -> None:
    with pytest.raises(picture_steps.ImageNotFound, match=f"s3://{bucket}/gone.png: {code}"):
        handler.lambda_handler({"s3_bucket": bucket, "s3_key": "gone.png"}, None)


def test_a_missing_object_with_a_control_character_is_named(handler: ModuleType) -> None:
    # S3's answer repeats the key, in XML that is none: botocore only reads its status.
    with Stubber(handler.s3) as stubber:
        stubber.add_client_error("get_object", "404", "Not Found", http_status_code=404)
        with pytest.raises(picture_steps.ImageNotFound, match="s3://pictures/\x01.png: 404"):
            handler.lambda_handler({"s3_bucket": "pictures", "s3_key": "\x01.png"}, None)


def test_a_denied_object_is_named(handler: ModuleType) -> None:
    with Stubber(handler.s3) as stubber:
        stubber.add_client_error("get_object", "AccessDenied", http_status_code=403)
        with pytest.raises(picture_steps.ImageAccessDenied, match="s3://other/a.png"):
            handler.lambda_handler({"s3_bucket": "other", "s3_key": "a.png"}, None)


def test_an_archived_object_is_named(handler: ModuleType) -> None:
    with Stubber(handler.s3) as stubber:
        stubber.add_client_error("get_object", "InvalidObjectState", http_status_code=403)
        with pytest.raises(picture_steps.ImageAccessDenied, match="a.png: .*archived, restore"):
            handler.lambda_handler({"s3_bucket": "pictures", "s3_key": "a.png"}, None)


@pytest.mark.parametrize("name", ["note.txt", "empty", "picture.gif", "without IEND.png"])
def test_what_is_not_a_picture_is_refused(handler: ModuleType, name: str) -> None:
    content, error, cause = odd_pictures.refused()[name]

    with pytest.raises(Exception, match=f"s3://pictures/odd.*{cause}") as caught:
        handler.lambda_handler(put("odd", content), None)
    assert caught.typename == error


def test_the_largest_inline_picture_fits_into_a_state(handler: ModuleType) -> None:
    largest = odd_pictures.noise(handler.MAX_INLINE_BYTES)

    body = handler.lambda_handler(put("x" * 1000, largest), None)["body"]

    assert base64.b64decode(body["image_data"]) == largest
    assert len(body["image_data"]) + len(body["s3_key"]) < 256 * 1024 - 8 * 1024


@pytest.mark.parametrize("size", [180 * 1024 + 1, 6 * 1024 * 1024])
def test_a_larger_picture_travels_as_a_reference(handler: ModuleType, size: int) -> None:
    event = put("large.png", odd_pictures.noise(size))

    assert handler.lambda_handler(event, None) == {
        "statusCode": 200,
        "body": {"image_data": "", **event, "inferences": []},
    }


def test_a_picture_too_large_for_the_endpoint_is_refused_without_its_download(
    handler: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = put("big", picture("PNG").ljust(6 * 1024 * 1024 + 1, b"\0"))

    def downloaded(_: StreamingBody) -> bytes:
        raise AssertionError("its size was known before")

    monkeypatch.setattr(StreamingBody, "read", downloaded)

    with pytest.raises(picture_steps.ImageTooLarge, match=r"s3://pictures/big has 6,291,457 bytes"):
        handler.lambda_handler(event, None)


def test_the_largest_picture_is_the_longest_that_the_endpoint_takes(handler: ModuleType) -> None:
    body = boto3.client("sagemaker-runtime").meta.service_model.shape_for("BodyBlob")

    assert body.metadata["max"] == picture_steps.MAX_IMAGE_BYTES


@pytest.fixture
def stored(handler: ModuleType) -> str:
    key: str = put("one.png", picture("PNG"))["s3_key"]
    return key


@fuzzed
@given(event=mutated({"s3_bucket": "pictures", "s3_key": "one.png", "image_data": ""}))
def test_any_event_is_a_picture_or_has_a_named_error(
    handler: ModuleType, stored: str, event: Mutated
) -> None:
    answer = answered(handler.lambda_handler, event, "InvalidImageReference", "ImageNotFound")

    assert isinstance(answer, Exception) or answer["body"]["s3_key"] == stored
