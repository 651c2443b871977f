"""The three steps of one picture: read and check it, classify it, judge the answer.

Every function that classifies pictures is made of these steps.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

from . import json_limits, picture_format, probabilities
from .events import InvalidEvent, bucket_name, object_key

# The longest Body of InvokeEndpoint in its service model.
MAX_IMAGE_BYTES = 6 * 1024 * 1024

# Error codes of S3 for an object that does not or cannot exist. 404: S3 repeats a key with control
# characters in invalid XML, which botocore drops.
MISSING = ("NoSuchKey", "NoSuchBucket", "404", "KeyTooLongError")

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


class InvalidImageReference(Exception):
    """The event does not name a bucket and a key, or S3 cannot have them."""


class ImageNotFound(Exception):
    """The bucket or the object does not exist."""


class ImageAccessDenied(Exception):
    """The workflow may not read the object."""


class ImageTooLarge(Exception):
    """The picture is larger than the endpoint accepts."""


class ImageRefused(Exception):
    """The model cannot read the picture."""


class EndpointUnavailable(Exception):
    """The endpoint is throttled, unreachable or failing; the same picture may succeed later."""


class InvalidPrediction(Exception):
    """The endpoint answered something that is not a list of probabilities."""


class ClassCountMismatch(Exception):
    """The model has another number of classes than the deployment."""


class Verdict(NamedTuple):
    """The best class of a picture, and whether the model is confident enough."""

    label: str
    confidence: float
    inferences: list[float]
    reason: str | None  # why the picture is rejected; None if it is accepted

    @property
    def status(self) -> str:
        """Return "accepted" or "rejected"."""
        return "accepted" if self.reason is None else "rejected"


def reference(event: object) -> tuple[str, str]:
    """Return bucket and key of an event's picture, or raise InvalidImageReference."""
    try:
        return bucket_name(event, "s3_bucket"), object_key(event, "s3_key")
    except InvalidEvent as error:
        raise InvalidImageReference(
            f'{error}; an image is {{"s3_bucket": "...", "s3_key": "..."}}'
        ) from error


def read(s3: Any, bucket: str, key: str) -> bytes:
    """Return a picture from S3, checked; one that is too large is not downloaded.

    Its errors, and those of `picture_format.check`, are the picture's fault: another try is
    useless.
    """
    source = f"s3://{bucket}/{key}"
    try:
        response = s3.get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "InvalidBucketName":
            raise InvalidImageReference(f"s3_bucket is {bucket!r}: {code}") from error
        if code in MISSING:
            raise ImageNotFound(f"{source}: {code}; check bucket and key") from error
        if code == "AccessDenied":
            raise ImageAccessDenied(
                f"{source}: {code}; the workflow reads the data bucket only"
            ) from error
        if code == "InvalidObjectState":
            raise ImageAccessDenied(
                f"{source}: {code}; it is archived, restore it first"
            ) from error
        raise
    size = response["ContentLength"]
    if size > MAX_IMAGE_BYTES:
        raise ImageTooLarge(
            f"{source} has {size:,} bytes; the endpoint takes at most {MAX_IMAGE_BYTES:,}: "
            "scale the picture down"
        )
    content: bytes = response["Body"].read()
    picture_format.check(content, source)
    return content


def endpoint_client(retries: Any) -> Any:
    """Return a client for `classify`; Step Functions retries longer than its own `retries`."""
    config = Config(connect_timeout=5, read_timeout=20, retries=retries)
    return boto3.client("sagemaker-runtime", config=config)


def classify(
    runtime: Any, endpoint: str, image: bytes, *, source: str, **request: str
) -> list[float]:
    """Return the probabilities of one picture (PNG or JPEG, up to 6 MiB) in class order.

    `source` is the picture's name in errors, such as its S3 URI; `request` has more parameters of
    InvokeEndpoint. EndpointUnavailable is transient, ImageRefused the picture's fault.
    """
    reply = _invoke(runtime, endpoint, image, source, request)
    try:
        return probabilities.check(json_limits.parse(reply))
    except ValueError as error:
        raise InvalidPrediction(
            f"endpoint {endpoint} answered {reply[:200]!r}; "
            f"expected a JSON list with one probability per class: {error}"
        ) from error


def _invoke(
    runtime: Any, endpoint: str, image: bytes, source: str, request: Mapping[str, str]
) -> bytes:
    try:
        response = runtime.invoke_endpoint(
            EndpointName=endpoint, ContentType=CONTENT_TYPE, Body=image, **request
        )
        reply: bytes = response["Body"].read()
        return reply
    except runtime.exceptions.ModelError as error:
        status = error.response.get("OriginalStatusCode", 500)
        message = error.response.get("OriginalMessage", str(error))
        if 400 <= status < 500:  # 0 where the model died or did not answer
            raise ImageRefused(f"{source}: the model answered {status}: {message}") from error
        raise EndpointUnavailable(
            f"{source}: model of {endpoint} answered {status}: {message}"
        ) from error
    except ClientError as error:
        if error.response["Error"]["Code"] in TRANSIENT_CODES:
            raise EndpointUnavailable(f"{source}: {error}") from error
        raise
    except (ConnectionError, HTTPClientError) as error:
        raise EndpointUnavailable(f"{source}: endpoint {endpoint}: {error}") from error


def judge(
    inferences: list[Any], *, classes: Sequence[str], threshold: float, source: str
) -> Verdict:
    """Accept or reject a picture by the probability of its best class.

    The threshold itself is accepted: only a confidence *below* it is rejected. Raises ValueError
    if one of the `inferences` is not a number from 0 to 1.
    """
    if len(inferences) != len(classes):
        raise ClassCountMismatch(
            f"{source}: {len(inferences)} probabilities for {len(classes)} classes "
            f"({', '.join(classes)}); deploy training, inference and workflow with the same dataset"
        )
    inferences = probabilities.check(inferences)
    confidence = max(inferences)
    label = classes[inferences.index(confidence)]
    reason = f"best class {label} has confidence {confidence:.3f}, below the threshold {threshold}"
    return Verdict(label, confidence, inferences, None if confidence >= threshold else reason)
