"""First step for one picture: check it, and hand it on as base64 text or as a reference to S3.

How a picture travels is decided here: up to `MAX_INLINE_BYTES` it is in `image_data`. Beyond, and
up to `MAX_IMAGE_BYTES`, `image_data` is empty, as in the event that came in, and classify_image
reads the object itself.
"""

import base64
from typing import Any

import boto3
from botocore.exceptions import ParamValidationError

from .pictures import check

# Step Functions passes at most 256 KiB from state to state. Base64 grows the picture by a third,
# which leaves room for the bucket, the longest key (1,024 bytes, escaped) and the envelope.
MAX_INLINE_BYTES = 180 * 1024

# The longest Body of InvokeEndpoint in its service model.
MAX_IMAGE_BYTES = 6 * 1024 * 1024

s3 = boto3.client("s3")


class InvalidImageReference(Exception):
    """The event does not name a bucket and a key, or by names that S3 cannot have."""


class ImageNotFound(Exception):
    """There is no such bucket or object."""


class ImageAccessDenied(Exception):
    """The workflow may not read the object."""


class ImageTooLarge(Exception):
    """The picture is larger than what the endpoint takes."""


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Checks the picture of `s3_bucket`/`s3_key` and returns the body for classify_image.

    `body.image_data` is the picture as base64 text, or empty if it is to be read from S3. Other
    keys of the event (`image_data`, `inferences` of the students' event) are ignored.

    Raises:
        InvalidImageReference: see `reference`.
        ImageNotFound, ImageAccessDenied, ImageTooLarge and those of `pictures.check`: see `read`.
    """
    bucket, key = reference(event)
    image = read(bucket, key)
    carried = image if len(image) <= MAX_INLINE_BYTES else b""
    return {
        "statusCode": 200,
        "body": {
            "image_data": base64.b64encode(carried).decode("ascii"),
            "s3_bucket": bucket,
            "s3_key": key,
            "inferences": [],
        },
    }


def reference(event: dict[str, Any]) -> tuple[str, str]:
    """Bucket and key of the event.

    Raises:
        InvalidImageReference: one of them is missing or no text.
    """
    for name in ("s3_bucket", "s3_key"):
        value = event.get(name) if isinstance(event, dict) else None
        if not isinstance(value, str) or not value:
            raise InvalidImageReference(
                f'{name} is {value!r:.200}; an image is {{"s3_bucket": "...", "s3_key": "..."}}'
            )
    return event["s3_bucket"], event["s3_key"]


def read(bucket: str, key: str) -> bytes:
    """The picture as it is in S3, checked.

    Raises:
        InvalidImageReference: S3 cannot have such a bucket or key.
        ImageNotFound, ImageAccessDenied, ImageTooLarge: it cannot be had, or is not downloaded.
        Those of `pictures.check`: it is not a picture to classify.

    All of them are the picture's fault, another try is useless; the messages name bucket and key.
    """
    source = f"s3://{bucket}/{key}"
    try:
        response = s3.get_object(Bucket=bucket, Key=key)
    except ParamValidationError as error:
        raise InvalidImageReference(
            f"s3_bucket is {bucket!r:.100}; no bucket has such a name"
        ) from error
    except UnicodeEncodeError as error:  # half of a surrogate pair
        raise InvalidImageReference(f"s3_key is {key!r:.100}; no object has such a name") from error
    except s3.exceptions.ClientError as error:
        code = error.response["Error"]["Code"]
        if code in ("InvalidBucketName", "KeyTooLongError"):
            raise InvalidImageReference(
                f"s3_bucket is {bucket!r:.100}, s3_key is {key!r:.100}: {code}"
            ) from error
        # 404: S3 repeats a key with control characters in XML that is none, which botocore drops.
        if code in ("NoSuchKey", "NoSuchBucket", "404"):
            raise ImageNotFound(f"{source}: {code}; check bucket and key") from error
        if code == "AccessDenied":
            raise ImageAccessDenied(
                f"{source}: {code}; the workflow reads the data bucket only"
            ) from error
        raise
    size = response["ContentLength"]
    if size > MAX_IMAGE_BYTES:
        raise ImageTooLarge(
            f"{source} has {size:,} bytes; "
            f"the endpoint takes at most {MAX_IMAGE_BYTES:,}: scale the picture down"
        )
    content: bytes = response["Body"].read()
    check(content, source)
    return content
