import base64
import io
from collections.abc import Iterator
from types import ModuleType
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from botocore.response import StreamingBody
from botocore.stub import Stubber
from hypothesis import given
from moto import mock_aws

from lambda_src.shared import picture_steps
from tests import odd_captures, odd_pictures, odd_replies
from tests.unit.lambda_src.conftest import ImportHandler
from tests.unit.lambda_src.events import EVENTS
from tests.unit.lambda_src.hostile import Mutated, answered, fuzzed, mutated, outcome
from tests.unit.lambda_src.objects import put, s3

REFUSED = odd_replies.REFUSED | odd_replies.WRAPPED
BY_REFERENCE = EVENTS["classify_image"]
EVENT = {**BY_REFERENCE, "image_data": base64.b64encode(b"picture").decode()}


@pytest.fixture
def handler(import_handler: ImportHandler) -> ModuleType:
    return import_handler("classify_image")


@pytest.fixture
def endpoint(handler: ModuleType) -> Iterator[Stubber]:
    with Stubber(handler.runtime) as stubber:
        yield stubber


@pytest.fixture
def bucket(handler: ModuleType) -> Iterator[None]:
    with mock_aws():
        s3().create_bucket(Bucket="pictures")
        yield


def reply(endpoint: Stubber, body: bytes, picture: bytes = b"picture") -> None:
    request = {"EndpointName": "scones-dev", "ContentType": "application/x-image", "Body": picture}
    answer = {"Body": StreamingBody(io.BytesIO(body), len(body))}
    endpoint.add_response("invoke_endpoint", answer, expected_params=request)


def test_probabilities_replace_the_picture(handler: ModuleType, endpoint: Stubber) -> None:
    reply(endpoint, b"[0.25, 0.75]")

    assert handler.lambda_handler(EVENT, None) == {
        "statusCode": 200,
        "body": {"s3_bucket": "pictures", "s3_key": "one.png", "inferences": [0.25, 0.75]},
    }


@pytest.mark.usefixtures("bucket")
def test_a_reference_is_read_from_s3(handler: ModuleType, endpoint: Stubber) -> None:
    with pytest.raises(picture_steps.ImageNotFound, match="s3://pictures/one.png: NoSuchKey"):
        handler.lambda_handler(BY_REFERENCE, None)

    picture = odd_pictures.encoded(odd_pictures.photo())
    put("pictures", "one.png", picture)
    reply(endpoint, b"[0.25, 0.75]", picture)

    assert handler.lambda_handler(BY_REFERENCE, None)["body"]["inferences"] == [0.25, 0.75]


@pytest.mark.parametrize("name", REFUSED)
def test_another_reply_is_refused(handler: ModuleType, endpoint: Stubber, name: str) -> None:
    reply(endpoint, REFUSED[name])

    with pytest.raises(picture_steps.InvalidPrediction, match="scones-dev answered b") as raised:
        handler.lambda_handler(EVENT, None)

    assert len(str(raised.value)) < 1000


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, picture_steps.ImageRefused),
        (415, picture_steps.ImageRefused),
        (500, picture_steps.EndpointUnavailable),
        (0, picture_steps.EndpointUnavailable),
    ],
)
def test_a_model_error_is_the_pictures_fault_or_transient(
    handler: ModuleType, endpoint: Stubber, status: int, error: type[Exception]
) -> None:
    endpoint.add_client_error(
        "invoke_endpoint",
        "ModelError",
        http_status_code=424,
        modeled_fields={"OriginalStatusCode": status, "OriginalMessage": "cannot read it"},
    )

    with pytest.raises(error, match="s3://pictures/one.png: .*cannot read it"):
        handler.lambda_handler(EVENT, None)


@pytest.mark.parametrize(
    "code",
    [
        *("InternalDependencyException", "InternalFailure", "ModelNotReadyException"),
        *("ServiceUnavailable", "ThrottlingException", "ValidationError"),
    ],
)
def test_a_fault_of_the_service_is_transient_and_a_missing_endpoint_is_not(
    handler: ModuleType, endpoint: Stubber, code: str
) -> None:
    endpoint.add_client_error("invoke_endpoint", code, "Endpoint scones-dev not found")
    transient = code != "ValidationError"

    with pytest.raises(
        picture_steps.EndpointUnavailable if transient else ClientError, match="dev not found"
    ):
        handler.lambda_handler(EVENT, None)


@pytest.mark.parametrize("fault", [EndpointConnectionError, ReadTimeoutError])
def test_an_unreachable_endpoint_is_transient(
    handler: ModuleType, monkeypatch: pytest.MonkeyPatch, fault: Any
) -> None:
    refuse = Mock(side_effect=fault(endpoint_url="http://x"))
    monkeypatch.setattr(handler.runtime, "invoke_endpoint", refuse)

    with pytest.raises(picture_steps.EndpointUnavailable, match="scones-dev"):
        handler.lambda_handler(EVENT, None)


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

    answer = outcome(lambda: handler.lambda_handler(EVENT, None), "InvalidPrediction")

    assert isinstance(answer, Exception) or all(0 <= p <= 1 for p in answer["body"]["inferences"])
