"""Read a function's event by name and type; anything else raises one error."""

import hashlib
import json
import re
from typing import Any, TypeVar

from .messages import shown

# No IP address, and no two dots in a row:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
BUCKET = r"(?!\d+\.\d+\.\d+\.\d+(?:/|$))[a-z0-9](?:[a-z0-9-]|\.(?!\.)){1,61}[a-z0-9]"
# Directory buckets, table buckets, and aliases of access points: no role of ours may use them.
OTHER_THAN_BUCKETS = ("--x-s3", "--table-s3", "--ol-s3", "-s3alias", ".mrap")

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
MAX_KEY_BYTES = 1024

T = TypeVar("T")


class InvalidEvent(Exception):
    """The event lacks a value, or has one of another type."""


def text(event: object, name: str, *, may_be_empty: bool = False) -> str:
    """Return the text `name` of the event; lone surrogates are refused, as services do."""
    value = _value(event, name)
    if not isinstance(value, str) or not (value or may_be_empty):
        raise invalid(name, value, "a non-empty string" if value == "" else "a string")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise invalid(name, value, "a string without lone surrogates") from error
    return value


def bucket_name(event: object, name: str) -> str:
    """Return the name of a general purpose bucket; access points and others are refused."""
    value = text(event, name)
    if not re.fullmatch(BUCKET, value) or value.endswith(OTHER_THAN_BUCKETS):
        raise invalid(
            name, value, "the name of a general purpose bucket, no ARN, access point or alias"
        )
    return value


def object_key(event: object, name: str) -> str:
    """Return the key of an object, which is no longer than S3 takes."""
    value = text(event, name)
    if len(value.encode()) > MAX_KEY_BYTES:
        raise invalid(name, value, f"a key of at most {MAX_KEY_BYTES:,} bytes")
    return value


def whole_number(event: object, name: str) -> int:
    """Return the whole number `name` of the event, 0 or more and of 63 bits at most."""
    value = _value(event, name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise invalid(name, value, "a whole number")
    return value


def mapping(event: object, name: str) -> dict[str, Any]:
    """Return the JSON object `name` of the event."""
    return _of_type(dict, event, name, "an object")


def sequence(event: object, name: str) -> list[Any]:
    """Return the list `name` of the event."""
    return _of_type(list, event, name, "a list")


def texts(event: object, name: str) -> list[str]:
    """Return the list of texts `name` of the event."""
    value = sequence(event, name)
    if not all(isinstance(each, str) and each for each in value):
        raise invalid(name, value, "a list of strings")
    return value


def digest(value: object) -> str:
    """Return the SHA-256 of a JSON value, in hexadecimal digits."""
    try:
        content = json.dumps(value, sort_keys=True).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise invalid("a value of the event", value, f"JSON ({error})") from error
    return hashlib.sha256(content).hexdigest()


def invalid(name: str, value: object, expected: str) -> InvalidEvent:
    """Return the error that names the value and the expectation."""
    return InvalidEvent(f"{name} is {shown(value)}; expected {expected}")


def _of_type(kind: type[T], event: object, name: str, expected: str) -> T:
    value = _value(event, name)
    if not isinstance(value, kind):
        raise invalid(name, value, expected)
    return value


def _value(event: object, name: str) -> object:
    if not isinstance(event, dict):
        raise InvalidEvent(f"found {shown(event)}; expected an object with {name}")
    return event.get(name)
