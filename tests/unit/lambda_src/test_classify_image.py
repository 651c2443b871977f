import base64
import io
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from botocore.response import StreamingBody
from botocore.stub import Stubber
from hypothesis import given
from moto import mock_aws

from lambda_src.shared import picture_steps
from lambda_src.shared.events import InvalidEvent
from tests import odd_captures, odd_pictures, odd_replies
from tests.unit.lambda_src.hostile import Mutated, answered, fuzzed, mutated, outcome

REFUSED = odd_replies.REFUSED | odd_replies.WRAPPED
EVENT = {
    "image_data": base64.b64encode(b"picture").decode(),
    "s3_bucket": "pictures",
    "s3_key": "one.png",
    "inferences": [],
}


@pytest.fixture
def handler(import_handler: Any) -> ModuleType:
    module: ModuleType = import_handler("classify_image", ENDPOINT_NAME="scones-dev")
    return module


@pytest.fixture
def endpoint(handler: ModuleType) -> Iterator[Stubber]:
    with Stubber(handler.runtime) as stubber:
        yield stubber


def reply(endpoint: Stubber, body: bytes, picture: bytes = b"picture") -> None:
    endpoint.add_response(
        "invoke_endpoint",
        {"Body": StreamingBody(io.BytesIO(body), len(body))},
        expected_params={
            "EndpointName": "scones-dev",
            "ContentType": "application/x-image",
            "Body": picture,
        },
    )


def test_probabilities_replace_the_picture(handler: ModuleType, endpoint: Stubber) -> None:
    reply(endpoint, b"[0.25, 0.75]")

    assert handler.lambda_handler(EVENT, None) == {
        "statusCode": 200,
        "body": {"s3_bucket": "pictures", "s3_key": "one.png", "inferences": [0.25, 0.75]},
    }


@pytest.fixture
def bucket(handler: ModuleType) -> Iterator[Any]:
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="pictures")
        yield s3


def test_a_reference_is_read_from_s3(handler: ModuleType, endpoint: Stubber, bucket: Any) -> None:
    picture = odd_pictures.encoded(odd_pictures.photo())
    bucket.put_object(Bucket="pictures", Key="one.png", Body=picture)
    reply(endpoint, b"[0.25, 0.75]", picture)

    answer = handler.lambda_handler({**EVENT, "image_data": ""}, None)

    assert answer["body"]["inferences"] == [0.25, 0.75]


@pytest.mark.usefixtures("bucket")
def test_an_object_that_is_gone_is_named(handler: ModuleType) -> None:
    with pytest.raises(picture_steps.ImageNotFound, match="s3://pictures/one.png: NoSuchKey"):
        handler.lambda_handler({**EVENT, "image_data": ""}, None)


@pytest.mark.parametrize("body", odd_replies.READ)
def test_replies_are_read(handler: ModuleType, endpoint: Stubber, body: bytes) -> None:
    reply(endpoint, body)

    answer = handler.lambda_handler(EVENT, None)

    assert answer["body"]["inferences"] == odd_replies.READ[body]


@pytest.mark.parametrize("name", REFUSED)
def test_another_reply_is_refused(handler: ModuleType, endpoint: Stubber, name: str) -> None:
    reply(endpoint, REFUSED[name])

    with pytest.raises(picture_steps.InvalidPrediction, match="scones-dev answered b") as raised:
        handler.lambda_handler(EVENT, None)

    assert len(str(raised.value)) < 1000


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, "ImageRefused"),
        (415, "ImageRefused"),
        (500, "EndpointUnavailable"),
        (0, "EndpointUnavailable"),
    ],
)
def test_a_model_error_is_the_pictures_fault_or_transient(
    handler: ModuleType, endpoint: Stubber, status: int, error: str
) -> None:
    endpoint.add_client_error(
        "invoke_endpoint",
        "ModelError",
        http_status_code=424,
        modeled_fields={"OriginalStatusCode": status, "OriginalMessage": "cannot read it"},
    )

    with pytest.raises(
        getattr(picture_steps, error), match="s3://pictures/one.png: .*cannot read it"
    ):
        handler.lambda_handler(EVENT, None)


@pytest.mark.parametrize(
    "code",
    [
        "ThrottlingException",
        "ServiceUnavailable",
        "InternalFailure",
        "InternalDependencyException",
        "ModelNotReadyException",
    ],
)
def test_a_fault_of_the_service_is_transient(
    handler: ModuleType, endpoint: Stubber, code: str
) -> None:
    endpoint.add_client_error("invoke_endpoint", code)

    with pytest.raises(picture_steps.EndpointUnavailable, match="s3://pictures/one.png"):
        handler.lambda_handler(EVENT, None)


def test_a_missing_endpoint_is_not_transient(handler: ModuleType, endpoint: Stubber) -> None:
    endpoint.add_client_error("invoke_endpoint", "ValidationError", "Endpoint scones-dev not found")

    with pytest.raises(ClientError, match="scones-dev not found"):
        handler.lambda_handler(EVENT, None)


@pytest.mark.parametrize(
    "fault",
    [EndpointConnectionError(endpoint_url="http://x"), ReadTimeoutError(endpoint_url="http://x")],
)
def test_an_unreachable_endpoint_is_transient(
    handler: ModuleType, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def unreachable(**_: Any) -> None:
        raise fault

    monkeypatch.setattr(handler.runtime, "invoke_endpoint", unreachable)

    with pytest.raises(picture_steps.EndpointUnavailable, match="scones-dev"):
        handler.lambda_handler(EVENT, None)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"image_data": None}, "image_data is None; expected a text"),
        ({"image_data": "!!!!"}, "image_data is '!!!!'; expected base64 text"),
        ({"image_data": "\u00fc"}, "image_data is '\u00fc'; expected base64 text"),
        ({"s3_key": 5}, "s3_key is 5; expected a text"),
        ({"s3_bucket": "other-s3alias"}, "s3_bucket is 'other-s3alias'; expected the name of"),
    ],
)
def test_an_event_of_other_types_is_named(
    handler: ModuleType, changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidEvent, match=f"^{message}"):
        handler.lambda_handler({**EVENT, **changed}, None)


@fuzzed
@given(event=mutated(EVENT))
@pytest.mark.usefixtures("bucket")
def test_any_event_is_classified_or_has_a_named_error(handler: ModuleType, event: Mutated) -> None:
    handler.runtime.invoke_endpoint = lambda **_: {"Body": io.BytesIO(b"[0.25, 0.75]")}

    answer = answered(handler.lambda_handler, event, "InvalidEvent", "ImageNotFound")

    assert isinstance(answer, Exception) or answer["body"]["inferences"] == [0.25, 0.75]


@fuzzed
@given(body=odd_captures.replies)
def test_any_reply_is_probabilities_or_has_a_named_error(handler: ModuleType, body: bytes) -> None:
    handler.runtime.invoke_endpoint = lambda **_: {"Body": io.BytesIO(body)}

    answer = outcome(
        lambda: picture_steps.classify(handler.runtime, "scones-dev", b"picture", source="one.png"),
        "InvalidPrediction",
    )

    assert isinstance(answer, Exception) or all(0 <= value <= 1 for value in answer)
