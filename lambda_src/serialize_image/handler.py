"""First step for one picture: check it, and hand it on as base64 text or as a reference to S3.

How a picture travels is decided here: up to `MAX_INLINE_BYTES` it is in `image_data`. Beyond, and
up to `MAX_IMAGE_BYTES`, `image_data` is empty, as in the event that came in, and classify_image
reads the object itself.
"""

import base64
from typing import Any

import boto3

from lambda_src.shared.events import InvalidEvent, bucket_name, object_key
from lambda_src.shared.stored_pictures import InvalidImageReference, read

# Step Functions passes at most 256 KiB from state to state. Base64 grows the picture by a third,
# which leaves room for the bucket, the longest key (1,024 bytes, escaped) and the envelope.
MAX_INLINE_BYTES = 180 * 1024

s3 = boto3.client("s3")


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Checks the picture of `s3_bucket`/`s3_key` and returns the body for classify_image.

    `body.image_data` is the picture as base64 text, or empty if it is to be read from S3. Other
    keys of the event (`image_data`, `inferences` of the students' event) are ignored.

    Raises:
        InvalidImageReference: see `reference`.
        Those of `stored_pictures.read`: the picture cannot be had, or is none to classify.
    """
    bucket, key = reference(event)
    image = read(s3, bucket, key)
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


def reference(event: object) -> tuple[str, str]:
    """Return bucket and key of the event.

    Raises:
        InvalidImageReference: one of them is missing, or is none that S3 can have.
    """
    try:
        return bucket_name(event, "s3_bucket"), object_key(event, "s3_key")
    except InvalidEvent as error:
        raise InvalidImageReference(
            f'{error}; an image is {{"s3_bucket": "...", "s3_key": "..."}}'
        ) from error
