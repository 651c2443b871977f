"""The only parser of S3 URIs: bucket and key as they are written, with nothing decoded."""

import re
from dataclasses import dataclass
from typing import Self

from lambda_src.shared.events import BUCKET

# A colon ends the name of a scheme, so "s3:/bucket" is meant as a URI.
_LOOKS_LIKE_S3 = re.compile(r"s3:|s3[an]://|arn:[a-z-]*:s3", re.IGNORECASE)

_BUCKET_RULE = (
    "3 to 63 lowercase letters, digits, dots and hyphens, with a letter or digit at both ends, no "
    "two dots in a row, and no IP address"
)
MAX_KEY_BYTES = 1024

_SHOWN = 200


class S3UriError(ValueError):
    """The text is not an S3 URI, or S3 cannot have such a bucket or key."""


@dataclass(frozen=True)
class S3Uri:
    """A bucket, and a key or prefix in it, which may be empty."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return bucket and key of `s3://BUCKET/KEY`, or of `s3://BUCKET` with an empty key.

        S3 takes any character in a key, so `#`, `?`, `%`, `+`, spaces and slashes are part of it.

        Raises:
            S3UriError: it does not name a bucket, or S3 cannot have the bucket or key.
        """
        if re.match("arn:", text.removeprefix("s3://"), re.IGNORECASE):
            raise S3UriError(
                f"{_shown(text)} is an ARN, such as that of an access point; name the bucket "
                "itself: s3://BUCKET/KEY"
            )
        if not text.startswith("s3://"):
            raise S3UriError(f"{_shown(text)} is not an S3 URI; expected s3://BUCKET/KEY")
        bucket, _, key = text.removeprefix("s3://").partition("/")
        if not bucket:
            raise S3UriError(f"{_shown(text)} names no bucket; expected s3://BUCKET/KEY")
        if not re.fullmatch(BUCKET, bucket):
            raise S3UriError(
                f"bucket {_shown(bucket)} of {_shown(text)}: no bucket has such a name; "
                f"expected {_BUCKET_RULE}"
            )
        _check_key(key)
        return cls(bucket, key)

    @classmethod
    def parse_object(cls, text: str) -> Self:
        """Return bucket and key of `s3://BUCKET/KEY`, or raise S3UriError."""
        uri = cls.parse(text)
        if not uri.key:
            raise S3UriError(f"{_shown(text)} names no object; expected s3://{uri.bucket}/KEY")
        return uri

    def __str__(self) -> str:
        """Return `s3://BUCKET/KEY`."""
        return f"s3://{self.bucket}/{self.key}"


def is_s3(location: object) -> bool:
    """Tell whether a location is meant to be in S3, correctly written or not."""
    return _LOOKS_LIKE_S3.match(str(location)) is not None


def _check_key(key: str) -> None:
    try:
        size = len(key.encode())
    except UnicodeEncodeError as error:
        raise S3UriError(
            f"key {_shown(key)} has half of a surrogate pair; no object has such a key"
        ) from error
    if size > MAX_KEY_BYTES:
        raise S3UriError(
            f"key {_shown(key)} has {size:,} bytes; a key has at most {MAX_KEY_BYTES:,}"
        )


def _shown(text: str) -> str:
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}..."
