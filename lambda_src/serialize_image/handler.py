"""First step of the workflow for one picture: check it, and hand it on.

A picture of up to `MAX_INLINE_BYTES` travels as base64 text in `image_data`. For larger ones
`image_data` is empty, as in the event that came in, and classify_image reads the object itself.
"""

import base64
from typing import Any

import boto3

from lambda_src.shared.picture_steps import read, reference

# Step Functions passes at most 256 KiB from state to state. Base64 grows the picture by a third,
# which leaves room for the bucket, the longest key (1,024 bytes, escaped) and the envelope.
MAX_INLINE_BYTES = 180 * 1024

s3 = boto3.client("s3")


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Check the picture `s3_bucket`/`s3_key` and return the body for classify_image.

    Other keys of the event (`image_data`, `inferences` of the students' event) are ignored.
    """
    bucket, key = reference(event)
    image = read(s3, bucket, key)
    inline = image if len(image) <= MAX_INLINE_BYTES else b""
    return {
        "statusCode": 200,
        "body": {
            "image_data": base64.b64encode(inline).decode("ascii"),
            "s3_bucket": bucket,
            "s3_key": key,
            "inferences": [],
        },
    }
