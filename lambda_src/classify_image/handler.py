"""Second step for one picture: ask the endpoint for the probability of each class."""

import base64
import os
from functools import cache
from typing import Any, Literal

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

from lambda_src.shared import json_limits, probabilities
from lambda_src.shared.events import bucket_name, invalid, object_key, text
from lambda_src.shared.stored_pictures import read

ENDPOINT_NAME = os.environ["ENDPOINT_NAME"]

# The algorithm takes PNG and JPEG under this one type.
CONTENT_TYPE = "application/x-image"

# Faults of the service, not of the picture: worth another try.
TRANSIENT_CODES = frozenset(
    {
        "InternalDependencyException",
        "InternalFailure",
        "ModelNotReadyException",
        "ServiceUnavailable",
        "ThrottlingException",
    }
)

# classify_batch asks for the one that slows down all its threads when the endpoint throttles one.
RETRY_MODE: Literal["adaptive", "standard"] = (
    "adaptive" if os.environ.get("AWS_RETRY_MODE") == "adaptive" else "standard"
)

# Step Functions retries with backoff and jitter; the client's own retries stay short of that.
runtime = boto3.client(
    "sagemaker-runtime",
    config=Config(
        connect_timeout=5,
        read_timeout=20,
        retries={"mode": RETRY_MODE},
    ),
)


class EndpointUnavailable(Exception):
    """The endpoint is throttled, unreachable or failing; the same picture may succeed later."""


class ImageRefused(Exception):
    """The model cannot read the picture."""


class InvalidPrediction(Exception):
    """The endpoint answered something that is not a list of probabilities."""


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Returns `body.inferences`, the probabilities in class order.

    The picture is `event["image_data"]` (base64 text), or where that is empty the object that
    `s3_bucket` and `s3_key` name. It is dropped, so that the output of the Map stays small.

    Raises:
        InvalidEvent: one of the three is missing, or of another type.
        Those of `stored_pictures.read`: the object is gone, or is another picture by now.
        EndpointUnavailable, ImageRefused, InvalidPrediction: see `classify`.
    """
    bucket, key = bucket_name(event, "s3_bucket"), object_key(event, "s3_key")
    image = _image_data(event) or read(_s3(), bucket, key)
    return {
        "statusCode": 200,
        "body": {
            "s3_bucket": bucket,
            "s3_key": key,
            "inferences": classify(image, f"s3://{bucket}/{key}"),
        },
    }


def _image_data(event: object) -> bytes:
    encoded = text(event, "image_data", may_be_empty=True)
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise invalid("image_data", encoded, f"base64 text ({error})") from error


def classify(image: bytes, source: str) -> list[float]:
    """Probabilities of one picture (PNG or JPEG, up to 6 MiB), in class order.

    Args:
        image: the file's bytes.
        source: what the errors call it, such as its S3 URI.

    Raises:
        EndpointUnavailable: transient; the state machine retries it.
        ImageRefused: the model answered 4xx for this picture.
        InvalidPrediction: the reply is not a JSON list of probabilities.
    """
    return _probabilities(_invoke(image, source))


@cache
def _s3() -> Any:
    # Not at module scope: most functions never read a large picture, and a client is a good part
    # of a cold start.
    return boto3.client("s3")


def _invoke(image: bytes, source: str) -> bytes:
    try:
        response = runtime.invoke_endpoint(
            EndpointName=ENDPOINT_NAME, ContentType=CONTENT_TYPE, Body=image
        )
        reply: bytes = response["Body"].read()
        return reply
    except runtime.exceptions.ModelError as error:
        model_error: dict[str, Any] = dict(error.response)
        status = model_error.get("OriginalStatusCode", 500)
        message = model_error.get("OriginalMessage", str(error))
        if 400 <= status < 500:  # 0 where the model died or did not answer
            raise ImageRefused(f"{source}: the model answered {status}: {message}") from error
        raise EndpointUnavailable(
            f"{source}: model of {ENDPOINT_NAME} answered {status}: {message}"
        ) from error
    except ClientError as error:
        if error.response["Error"]["Code"] in TRANSIENT_CODES:
            raise EndpointUnavailable(f"{source}: {error}") from error
        raise
    except (ConnectionError, HTTPClientError) as error:
        raise EndpointUnavailable(f"{source}: endpoint {ENDPOINT_NAME}: {error}") from error


def _probabilities(reply: bytes) -> list[float]:
    try:
        return probabilities.check(json_limits.parse(reply))
    except ValueError as error:
        raise InvalidPrediction(
            f"endpoint {ENDPOINT_NAME} answered {reply[:200]!r}; "
            f"expected a JSON list with one probability per class: {error}"
        ) from error
