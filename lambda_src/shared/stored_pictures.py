"""A picture in S3."""

from typing import Any

from .pictures import check

# The longest Body of InvokeEndpoint in its service model.
MAX_IMAGE_BYTES = 6 * 1024 * 1024


class InvalidImageReference(Exception):
    """The event does not name a bucket and a key, or by names that S3 cannot have."""


class ImageNotFound(Exception):
    """There is no such bucket or object."""


class ImageAccessDenied(Exception):
    """The workflow may not read the object."""


class ImageTooLarge(Exception):
    """The picture is larger than what the endpoint takes."""


def read(s3: Any, bucket: str, key: str) -> bytes:
    """Return the picture as it is in S3, checked.

    Raises:
        InvalidImageReference: S3 cannot have such a bucket.
        ImageNotFound, ImageAccessDenied, ImageTooLarge: it cannot be had, or is not downloaded.
        Those of `pictures.check`: it is not a picture to classify.

    All of them are the picture's fault, another try is useless; the messages name bucket and key.
    """
    source = f"s3://{bucket}/{key}"
    try:
        response = s3.get_object(Bucket=bucket, Key=key)
    except s3.exceptions.ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "InvalidBucketName":
            raise InvalidImageReference(f"s3_bucket is {bucket!r}: {code}") from error
        # 404: S3 repeats a key with control characters in XML that is none, which botocore drops.
        if code in ("NoSuchKey", "NoSuchBucket", "404"):
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
            f"{source} has {size:,} bytes; "
            f"the endpoint takes at most {MAX_IMAGE_BYTES:,}: scale the picture down"
        )
    content: bytes = response["Body"].read()
    check(content, source)
    return content
