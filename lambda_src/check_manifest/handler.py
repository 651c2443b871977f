"""First step of a batch transform: find the pictures of a manifest that the model can take.

A manifest is SageMaker's ManifestFile:
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_TransformS3DataSource.html
"""

import json
import os
import re
from collections import Counter
from typing import Any

import boto3
from botocore.exceptions import ClientError

from lambda_src.shared.events import MAX_KEY_BYTES, bucket_name, invalid, object_key, text
from lambda_src.shared.messages import shown
from lambda_src.shared.picture_steps import MAX_IMAGE_BYTES

# write_predictions reads as many predictions in the 15 minutes of a function.
MAX_PICTURES = 100_000
MAX_MANIFEST_BYTES = 32 * 1024 * 1024
# Each value of a JSON text but the outermost follows a bracket or a comma; names may have some as
# well. Python takes up to a hundred bytes for a value of three bytes of text.
MAX_SEPARATORS = 10 * MAX_PICTURES

FORM = '[{"prefix": "s3://BUCKET/..."}, "picture", ...]'

s3 = boto3.client("s3")


class InvalidManifest(Exception):
    """The object is not a manifest that can be transformed."""


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Split the pictures of the manifest `event["key"]` into usable and failed ones.

    Lists the pictures without reading any: one that is missing, empty or too large fails here, and
    does not fail the transform job. Writes below `event["output"]` `manifest.json`, with the whole
    keys of the usable ones, so that their outputs do not collide, and `failed.jsonl`. Returns how
    many there are: `usable`, `failed`, and `folders`, the console's empty objects for folders.

    S3 delivers events at least once. Only the first execution for an event does all this; any other
    gets the ARN of the first, `duplicate_of`. Raises InvalidManifest with what was expected.
    """
    bucket, key = bucket_name(event, "bucket"), object_key(event, "key")
    output, execution = object_key(event, "output"), text(event, "execution")
    etag = None if event.get("etag") is None else text(event, "etag")
    if etag and not re.fullmatch(r"[\w-]+", etag, re.ASCII):
        raise invalid("etag", etag, "an ETag without quotation marks")
    first = _first_execution(bucket, output, execution)
    if first != execution:
        return {"duplicate_of": first}
    keys = _keys(bucket, _content(bucket, key, etag), f"s3://{bucket}/{key}")
    sizes = _sizes(bucket, set(filter(_is_possible, keys)))
    pictures = [name for name in keys if not (name.endswith("/") and sizes.get(name) == 0)]
    if not pictures:
        raise InvalidManifest(f"s3://{bucket}/{key} names empty folders only; expected {FORM}")
    faults = {name: fault for name in pictures if (fault := _fault(name, sizes.get(name)))}
    usable = [name for name in pictures if name not in faults]
    manifest = json.dumps([{"prefix": f"s3://{bucket}/"}, *usable])
    failed = "".join(f"{json.dumps(fault)}\n" for fault in faults.values())
    for file, content in (("manifest.json", manifest), ("failed.jsonl", failed)):
        s3.put_object(Bucket=bucket, Key=f"{output}/{file}", Body=content.encode())
    folders = len(keys) - len(pictures)
    return {"usable": len(usable), "failed": len(faults), "folders": folders}


def _first_execution(bucket: str, output: str, execution: str) -> str:
    """Return the ARN of the first execution that asked for this output."""
    key = f"{output}/execution"
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=execution.encode(), IfNoneMatch="*")
    except ClientError as error:
        if error.response["Error"]["Code"] != "PreconditionFailed":
            raise
        return s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode(errors="replace")
    return execution


def _content(bucket: str, key: str, etag: str | None) -> Any:
    where = f"s3://{bucket}/{key}"
    condition: dict[str, Any] = {"IfMatch": f'"{etag}"'} if etag else {}
    try:
        found = s3.get_object(Bucket=bucket, Key=key, **condition)
    except ClientError as error:
        reasons = {
            "NoSuchKey": "the object does not exist",
            "PreconditionFailed": "another manifest replaced it before it was read; another "
            "execution transforms that one",
        }
        if (code := error.response["Error"]["Code"]) not in reasons:
            raise
        raise InvalidManifest(f"{where}: {reasons[code]}") from error
    if found["ContentLength"] > MAX_MANIFEST_BYTES:
        raise InvalidManifest(
            f"{where} has {found['ContentLength']:,} bytes; a manifest has at most "
            f"{MAX_MANIFEST_BYTES:,}: split it"
        )
    content = found["Body"].read()
    if sum(map(content.count, (b"[", b"{", b","))) > MAX_SEPARATORS:
        raise InvalidManifest(
            f"{where} has more than {MAX_SEPARATORS:,} commas and brackets; a manifest takes at "
            f"most {MAX_PICTURES:,} pictures: split it"
        )
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:  # the latter of deep nesting
        raise InvalidManifest(f"{where} is not JSON: {error}; expected {FORM}") from error


def _keys(bucket: str, content: Any, where: str) -> list[str]:
    """Return the whole keys of the pictures, in the order of the manifest."""
    match content:
        case [{"prefix": str(prefix), **more}, *names] if not more:
            pass
        case _:
            raise InvalidManifest(f"{where} is not of the form {FORM}")
    if not all(isinstance(name, str) and name for name in names):
        raise InvalidManifest(f"{where}: every picture must be a string, as in {FORM}")
    if not names:
        raise InvalidManifest(f"{where} names no picture; expected {FORM}")
    if len(names) > MAX_PICTURES:
        raise InvalidManifest(
            f"{where} names {len(names):,} pictures; a manifest takes at most {MAX_PICTURES:,}: "
            "split it"
        )
    base, uris = f"s3://{bucket}/", [f"{prefix}{name}" for name in names]
    for uri in uris:
        if not uri.startswith(base):
            raise InvalidManifest(
                f"{where} names {shown(uri)}; pictures must be in the data bucket, {base}"
            )
    keys = [uri.removeprefix(base) for uri in uris]
    ((name, times),) = Counter(keys).most_common(1)
    if times > 1:
        raise InvalidManifest(f"{where} names {shown(name)} {times} times; name each once")
    return keys


def _is_possible(key: str) -> bool:
    """Return whether S3 can have such a key, so that it may be looked for."""
    try:
        return len(key.encode()) <= MAX_KEY_BYTES
    except UnicodeEncodeError:  # a lone surrogate
        return False


def _sizes(bucket: str, wanted: set[str]) -> dict[str, int]:
    """Return the sizes of existing objects, by a request for each 1,000 keys of their prefix."""
    if not wanted:
        return {}
    last, prefix = max(wanted), os.path.commonprefix(list(wanted))  # noqa: RUF071 - by characters
    sizes: dict[str, int] = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for found in page.get("Contents", []):
            if found["Key"] in wanted:
                sizes[found["Key"]] = found["Size"]
            if found["Key"] >= last:  # S3 lists in the order of UTF-8, as Python sorts texts
                return sizes
    return sizes


def _fault(key: str, size: int | None) -> dict[str, str] | None:
    if size is None:
        error, reason = "ImageNotFound", "the object does not exist"
    elif size == 0:
        error, reason = "ImageEmpty", "it has no bytes; expected a PNG or JPEG picture"
    elif size > MAX_IMAGE_BYTES:
        error = "ImageTooLarge"
        reason = f"it has {size:,} bytes; the model takes at most {MAX_IMAGE_BYTES:,}"
    else:
        return None
    return {"key": key, "error": error, "reason": reason}
