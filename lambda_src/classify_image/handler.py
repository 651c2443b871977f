"""Second step of the workflow for one picture: ask the endpoint for its probabilities."""

import base64
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3

from lambda_src.shared.environment import EnvironmentVariables
from lambda_src.shared.events import bucket_name, invalid, object_key, text
from lambda_src.shared.picture_steps import classify, endpoint_client, read


@dataclass(frozen=True)
class Environment(EnvironmentVariables):
    """The variables that the stack sets."""

    endpoint_name: str


environment = Environment.read()
runtime = endpoint_client({"mode": "standard"})


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Return `body.inferences`, the probabilities in class order.

    The picture is `event["image_data"]` (base64 text), or if that is empty the object
    `s3_bucket`/`s3_key`. It is dropped, so that the output of the Map stays small.
    """
    bucket, key = bucket_name(event, "s3_bucket"), object_key(event, "s3_key")
    image = _image_data(event) or read(_s3(), bucket, key)
    inferences = classify(runtime, environment.endpoint_name, image, source=f"s3://{bucket}/{key}")
    return {
        "statusCode": 200,
        "body": {"s3_bucket": bucket, "s3_key": key, "inferences": inferences},
    }


def _image_data(event: object) -> bytes:
    encoded = text(event, "image_data", may_be_empty=True)
    try:
        return base64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise invalid("image_data", encoded, f"base64 text ({error})") from error


@cache
def _s3() -> Any:
    # Not at module scope: few pictures are large, and a client is a good part of a cold start.
    return boto3.client("s3")
