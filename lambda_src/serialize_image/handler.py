"""First step for one picture: read it from S3 and hand it on as base64 text."""

import base64
from typing import Any

import boto3
from botocore.exceptions import ParamValidationError

# Step Functions passes at most 256 KiB from state to state. Base64 grows the picture by a third,
# which leaves room for the bucket, the longest key (1,024 bytes, escaped) and the envelope.
MAX_IMAGE_BYTES = 180 * 1024

SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")  # PNG, JPEG

s3 = boto3.client("s3")


class InvalidImageReference(Exception):
    """The event does not name a bucket and a key, or by names that S3 cannot have."""


class ImageNotFound(Exception):
    """There is no such bucket or object."""


class ImageAccessDenied(Exception):
    """The workflow may not read the object."""


class ImageTooLarge(Exception):
    """The picture does not fit into the state of the workflow."""


class NotAnImage(Exception):
    """The object is neither a PNG nor a JPEG picture."""


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Reads `s3_bucket`/`s3_key` and returns the picture as `body.image_data` (base64 text).

    Other keys of the event (`image_data`, `inferences` of the students' event) are ignored.

    Raises:
        InvalidImageReference, ImageNotFound, ImageAccessDenied, ImageTooLarge, NotAnImage:
            the picture is at fault, another try is useless; the message names bucket and key.
    """
    bucket, key = _reference(event)
    image = _read(bucket, key)
    if not image.startswith(SIGNATURES):
        found = f"begins with {image[:8]!r}" if image else "is empty"
        raise NotAnImage(f"s3://{bucket}/{key} {found}; expected a PNG or JPEG picture")
    return {
        "statusCode": 200,
        "body": {
            "image_data": base64.b64encode(image).decode("ascii"),
            "s3_bucket": bucket,
            "s3_key": key,
            "inferences": [],
        },
    }


def _reference(event: dict[str, Any]) -> tuple[str, str]:
    for name in ("s3_bucket", "s3_key"):
        value = event.get(name) if isinstance(event, dict) else None
        if not isinstance(value, str) or not value:
            raise InvalidImageReference(
                f'{name} is {value!r:.200}; an image is {{"s3_bucket": "...", "s3_key": "..."}}'
            )
    return event["s3_bucket"], event["s3_key"]


def _read(bucket: str, key: str) -> bytes:
    try:
        response = s3.get_object(Bucket=bucket, Key=key)
    except ParamValidationError as error:
        raise InvalidImageReference(
            f"s3_bucket is {bucket!r:.100}; no bucket has such a name"
        ) from error
    except s3.exceptions.ClientError as error:
        code = error.response["Error"]["Code"]
        if code in ("InvalidBucketName", "KeyTooLongError"):
            raise InvalidImageReference(
                f"s3_bucket is {bucket!r:.100}, s3_key is {key!r:.100}: {code}"
            ) from error
        if code in ("NoSuchKey", "NoSuchBucket"):
            raise ImageNotFound(f"s3://{bucket}/{key}: {code}; check bucket and key") from error
        if code == "AccessDenied":
            raise ImageAccessDenied(
                f"s3://{bucket}/{key}: {code}; the workflow reads the data bucket only"
            ) from error
        raise
    size = response["ContentLength"]
    if size > MAX_IMAGE_BYTES:
        raise ImageTooLarge(
            f"s3://{bucket}/{key} has {size:,} bytes; "
            f"the workflow carries at most {MAX_IMAGE_BYTES:,}: scale the picture down"
        )
    body: bytes = response["Body"].read()
    return body
