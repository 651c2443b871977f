import base64
from collections.abc import Iterator
from types import ModuleType
from typing import Any
from unittest.mock import Mock

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber
from hypothesis import given
from moto import mock_aws

from lambda_src.shared import picture_steps
from tests import odd_pictures
from tests.unit.lambda_src import objects
from tests.unit.lambda_src.conftest import ImportHandler
from tests.unit.lambda_src.hostile import Mutated, answered, fuzzed, mutated

PICTURES = {kind: odd_pictures.encoded(odd_pictures.photo(), kind) for kind in ("PNG", "JPEG")}
ACCESS_POINT = "arn:aws:s3:us-west-2:111122223333:accesspoint/other"


@pytest.fixture
def handler(import_handler: ImportHandler, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    # Beyond 5 MB moto would write objects to files, and leave these open.
    monkeypatch.setenv("MOTO_S3_DEFAULT_KEY_BUFFER_SIZE", str(16 * 1024 * 1024))
    with mock_aws():
        objects.s3().create_bucket(Bucket="pictures")
        yield import_handler("serialize_image")


def put(key: str, body: bytes) -> dict[str, Any]:
    objects.put("pictures", key, body)
    return {"s3_bucket": "pictures", "s3_key": key}


@pytest.mark.parametrize("more", [{}, {"image_data": "", "inferences": []}])
@pytest.mark.parametrize("kind", PICTURES)
def test_a_picture_becomes_base64_text(
    handler: ModuleType, kind: str, more: dict[str, Any]
) -> None:
    """The students' event has more members."""
    event = put("a b/ü.png", PICTURES[kind])

    answer = handler.lambda_handler(event | more, None)

    assert answer["statusCode"] == 200
    assert base64.b64decode(answer["body"].pop("image_data")) == PICTURES[kind]
    assert answer["body"] == {**event, "inferences": []}


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
        ({"s3_bucket": "pictures", "s3_key": "x" * 1025}, "a key of at most 1,024"),
        ({"s3_bucket": "pictures", "s3_key": "\u00fc" * 513}, "a key of at most 1,024"),
        ({"s3_bucket": "pictures", "s3_key": ["x"] * 50_000}, r"s3_key is \['x'"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_an_incomplete_reference_is_refused(handler: ModuleType, event: Any, named: str) -> None:
    with pytest.raises(picture_steps.InvalidImageReference, match=named) as caught:
        handler.lambda_handler(event, None)
    # Step Functions cuts a cause at 32,768 characters, and the workflow reads it as JSON.
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("bucket", "code"), [("pictures", "NoSuchKey"), ("elsewhere", "NoSuchBucket")]
)
def test_a_missing_object_is_named(handler: ModuleType, bucket: str, code: str) -> None:
    with pytest.raises(picture_steps.ImageNotFound, match=f"s3://{bucket}/gone.png: {code}"):
        handler.lambda_handler({"s3_bucket": bucket, "s3_key": "gone.png"}, None)


@pytest.mark.parametrize(
    ("code", "error", "says"),
    [
        # S3's answer repeats the key, in invalid XML: botocore only reads its status.
        ("404", picture_steps.ImageNotFound, "s3://pictures/\x01.png: 404"),
        ("InvalidBucketName", picture_steps.InvalidImageReference, "s3_bucket is 'pictures'"),
        ("AccessDenied", picture_steps.ImageAccessDenied, "s3://pictures/\x01.png: .*data bucket"),
        ("InvalidObjectState", picture_steps.ImageAccessDenied, "archived, restore it first"),
    ],
)
def test_a_refusal_of_s3_is_named(
    handler: ModuleType, code: str, error: type[Exception], says: str
) -> None:
    with Stubber(handler.s3) as stubber:
        stubber.add_client_error("get_object", code)
        with pytest.raises(error, match=says):
            handler.lambda_handler({"s3_bucket": "pictures", "s3_key": "\x01.png"}, None)


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
    event = put("big", PICTURES["PNG"].ljust(6 * 1024 * 1024 + 1, b"\0"))

    monkeypatch.setattr(
        StreamingBody, "read", Mock(side_effect=AssertionError("its size was known before"))
    )

    with pytest.raises(picture_steps.ImageTooLarge, match="s3://pictures/big has 6,291,457 bytes"):
        handler.lambda_handler(event, None)


def test_the_largest_picture_is_the_longest_that_the_endpoint_takes(handler: ModuleType) -> None:
    body = boto3.client("sagemaker-runtime").meta.service_model.shape_for("BodyBlob")

    assert body.metadata["max"] == picture_steps.MAX_IMAGE_BYTES


@pytest.fixture
def stored(handler: ModuleType) -> str:
    key: str = put("one.png", PICTURES["PNG"])["s3_key"]
    return key


@fuzzed
@given(event=mutated({"s3_bucket": "pictures", "s3_key": "one.png", "image_data": ""}))
def test_any_event_is_a_picture_or_has_a_named_error(
    handler: ModuleType, stored: str, event: Mutated
) -> None:
    answer = answered(handler.lambda_handler, event, "InvalidImageReference", "ImageNotFound")

    assert isinstance(answer, Exception) or answer["body"]["s3_key"] == stored
