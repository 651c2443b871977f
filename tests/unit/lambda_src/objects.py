"""Objects of moto's S3, in few words."""

import functools
import json
from typing import Any

import boto3


@functools.cache  # moto answers it in each test anew
def s3() -> Any:
    return boto3.client("s3", region_name="us-east-1")


def put(bucket: str, key: str, body: bytes | str = b"picture") -> None:
    s3().put_object(Bucket=bucket, Key=key, Body=body)


def get(bucket: str, key: str) -> str:
    content: bytes = s3().get_object(Bucket=bucket, Key=key)["Body"].read()
    return content.decode()


def lines(bucket: str, key: str) -> list[Any]:
    return [json.loads(line) for line in get(bucket, key).splitlines()]


def keys(bucket: str) -> list[str]:
    return [each["Key"] for each in s3().list_objects_v2(Bucket=bucket).get("Contents", [])]
