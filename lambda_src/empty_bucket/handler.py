"""Empty a bucket before CloudFormation deletes it, whatever keys it has.

Replaces the code behind CDK's `auto_delete_objects`, which names all keys in the XML of
DeleteObjects. XML has no control characters: one such key would keep the bucket from being deleted.

Request and response:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html
"""

import json
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.request import Request, urlopen

import boto3
from botocore.exceptions import ClientError

from lambda_src.shared.messages import readable

# CDK sets it on buckets that are to be emptied, not on those that are retained.
TAG = {"Key": "aws-cdk:auto-delete-objects", "Value": "true"}

# No page is begun with less time left.
MARGIN_MILLISECONDS = 60_000

# CloudFormation reads 4,096 bytes of a response, in which a character may take six.
MAX_REASON = 500

# https://www.w3.org/TR/xml/#charsets
_NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

logger = logging.getLogger()
logger.setLevel(logging.INFO)

s3 = boto3.client("s3")

RemainingTime = Callable[[], int]


class BucketNotEmptied(Exception):
    """Some objects remain."""


def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Empty the bucket on Delete, and report the result to CloudFormation."""
    bucket = event["ResourceProperties"]["BucketName"]
    response = {"Status": "SUCCESS"}
    try:
        if event["RequestType"] == "Delete" and _is_to_be_emptied(bucket):
            _refuse_new_objects(bucket, partition=event["StackId"].split(":")[1])
            _empty(bucket, context.get_remaining_time_in_millis)
    except Exception as error:  # without a response, CloudFormation waits for an hour
        logger.exception("bucket %s", bucket)
        response = {"Status": "FAILED", "Reason": f"{type(error).__name__}: {error}"[:MAX_REASON]}
    _respond(event, PhysicalResourceId=_physical_id(event, bucket), **response)


def _physical_id(event: dict[str, Any], bucket: str) -> str:
    """Return the resource's id; a new one makes CloudFormation have the old bucket emptied."""
    replaced = event.get("OldResourceProperties", {}).get("BucketName") not in (None, bucket)
    return bucket if replaced else event.get("PhysicalResourceId", bucket)


def _respond(event: dict[str, Any], **response: str) -> None:
    same = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    body = json.dumps({**same, **response}).encode()
    # Lambda retries after an error; the bucket is already empty then.
    request = Request(event["ResponseURL"], data=body, method="PUT", headers={"Content-Type": ""})
    with urlopen(request, timeout=30):
        pass


def _is_to_be_emptied(bucket: str) -> bool:
    try:
        return TAG in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("NoSuchBucket", "NoSuchTagSet"):
            raise
        return False


def _refuse_new_objects(bucket: str, *, partition: str) -> None:
    """Keep out objects between the last listing and the deletion of the bucket."""
    policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    refusal = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"arn:{partition}:s3:::{bucket}/*",
    }
    policy["Statement"].append(refusal)
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))


def _empty(bucket: str, remaining_time: RemainingTime) -> None:
    """Delete all versions of all objects, or raise BucketNotEmptied."""
    deleted, left = 0, []
    # boto3 requests URL-encoded keys and decodes them.
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        if remaining_time() < MARGIN_MILLISECONDS:
            raise BucketNotEmptied(
                f"bucket {bucket}: {deleted:,} objects are deleted, and more remain than one call "
                "can delete; destroy again, which continues from here"
            )
        versions = [
            {"Key": found["Key"], "VersionId": found["VersionId"]}
            for found in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))
        ]
        errors = list(_delete(bucket, versions))
        deleted += len(versions) - len(errors)
        left += errors
    if left:
        key, code = left[0]
        shown = readable(key).replace("'", r"\'")
        raise BucketNotEmptied(
            f"bucket {bucket}: S3 refused to delete {len(left):,} objects, such as {shown} "
            f"({code}). Delete them, e.g. aws s3api delete-object --bucket {bucket} --key "
            f"$'{shown}', and destroy again"
        )
    logger.info("bucket %s: deleted %d objects", bucket, deleted)


def _delete(bucket: str, versions: list[dict[str, str]]) -> Iterator[tuple[str, str]]:
    """Delete the versions; yield key and error code of each that S3 refuses to delete."""
    in_xml = [each for each in versions if not _NOT_IN_XML.search(each["Key"])]
    if in_xml:
        wanted: Any = {"Objects": in_xml, "Quiet": True}
        for error in s3.delete_objects(Bucket=bucket, Delete=wanted).get("Errors", ()):
            yield error["Key"], error["Code"]
    for version in versions:
        if version not in in_xml:
            try:
                s3.delete_object(Bucket=bucket, Key=version["Key"], VersionId=version["VersionId"])
            except ClientError as error:
                yield version["Key"], error.response["Error"]["Code"]
