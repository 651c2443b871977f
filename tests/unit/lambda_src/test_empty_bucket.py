import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock
from urllib.request import Request
from xml.etree import ElementTree

import pytest
from botocore.exceptions import ClientError

from tests.unit.lambda_src.conftest import ImportHandler
from tests.unit.lambda_src.hostile import ODD_KEYS

TAG = {"Key": "aws-cdk:auto-delete-objects", "Value": "true"}
STACK = "arn:aws-cn:cloudformation:cn-north-1:111122223333:stack/s/1"
IDS = {"StackId": STACK, "RequestId": "request", "LogicalResourceId": "Resource"}


class Bucket:
    """S3 with one bucket; what is no XML is refused as S3 refuses it."""

    def __init__(self) -> None:
        self.tags = [TAG]
        self.policy: dict[str, Any] = {"Statement": ["TLS only"]}
        self.versions = {(key, "null") for key in ODD_KEYS}
        self.markers: set[tuple[str, str]] = set()
        self.locked: set[str] = set()
        self.page_size = 3

    def get_bucket_tagging(self, **_: Any) -> Any:
        if not self.tags:
            raise error("NoSuchTagSet")
        return {"TagSet": self.tags}

    def get_bucket_policy(self, **_: Any) -> Any:
        return {"Policy": json.dumps(self.policy)}

    def put_bucket_policy(self, *, Policy: str, **_: Any) -> None:
        self.policy = json.loads(Policy)

    def get_paginator(self, operation: str) -> Any:
        assert operation == "list_object_versions"
        return self

    def paginate(self, **_: Any) -> Iterator[Any]:
        found = sorted(self.versions | self.markers)
        for start in range(0, len(found), self.page_size):
            page: dict[str, Any] = {}
            for key, version in found[start : start + self.page_size]:
                kind = "Versions" if (key, version) in self.versions else "DeleteMarkers"
                page.setdefault(kind, []).append({"Key": key, "VersionId": version, "Size": 1})
            yield page

    def delete_objects(self, *, Delete: dict[str, Any], **_: Any) -> Any:
        assert Delete["Quiet"]
        errors = []
        for each in Delete["Objects"]:
            element = ElementTree.Element("Key")
            element.text = each["Key"]
            try:
                ElementTree.fromstring(ElementTree.tostring(element))
            except ElementTree.ParseError as refusal:
                raise error("MalformedXML") from refusal
            if each["Key"] in self.locked:
                errors.append({**each, "Code": "AccessDenied"})
            else:
                self._delete(**each)
        return {"Errors": errors} if errors else {}

    def delete_object(self, *, Bucket: str, Key: str, VersionId: str) -> None:
        assert Bucket == "pictures"
        if Key in self.locked:
            raise error("AccessDenied")
        self._delete(Key, VersionId)

    def _delete(self, Key: str, VersionId: str) -> None:
        self.versions.discard((Key, VersionId))
        self.markers.discard((Key, VersionId))


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Operation")


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(import_handler: ImportHandler, monkeypatch: pytest.MonkeyPatch, bucket: Bucket) -> Run:
    """`run("Delete")`: what CloudFormation is told."""
    handler = import_handler("empty_bucket")
    answers: list[dict[str, Any]] = []

    def answer(request: Request, *, timeout: float) -> Any:
        assert request.full_url == "https://cloudformation.example/answer"
        assert request.get_method() == "PUT"
        assert isinstance(request.data, bytes)
        assert len(request.data) <= 4096
        answers.append(json.loads(request.data))
        return nullcontext()

    monkeypatch.setattr(handler, "s3", bucket)
    monkeypatch.setattr(handler, "urlopen", answer)

    def send(kind: str, *left: int, **more: Any) -> dict[str, Any]:
        times = iter(left or [900_000] * 99)
        event = {
            "RequestType": kind,
            "ResponseURL": "https://cloudformation.example/answer",
            **IDS,
            "ResourceProperties": {"BucketName": "pictures"},
            **({} if kind == "Create" else {"PhysicalResourceId": "as-made-by-cdk"}),
            **more,
        }
        handler.lambda_handler(event, SimpleNamespace(get_remaining_time_in_millis=times.__next__))
        return answers.pop()

    return send


def test_all_keys_and_versions_are_deleted(run: Run, bucket: Bucket) -> None:
    bucket.versions |= {("bay/\x01.png", "2"), ("a.png", "1")}
    bucket.markers = {("bay/\x02.png", "3"), ("a.png", "2")}

    assert run("Delete") == {"Status": "SUCCESS", **IDS, "PhysicalResourceId": "as-made-by-cdk"}
    assert not bucket.versions | bucket.markers
    first, denial = bucket.policy["Statement"]
    assert first == "TLS only"
    assert (denial["Effect"], denial["Action"]) == ("Deny", "s3:PutObject")
    assert denial["Resource"] == "arn:aws-cn:s3:::pictures/*"


@pytest.mark.parametrize(
    ("locked", "shown"), [("bay/\x01.png", r"bay/\x01.png"), ("ü's.png", r"ü\'s.png")]
)
def test_what_s3_does_not_delete_is_named_with_the_remedy(
    run: Run, bucket: Bucket, locked: str, shown: str
) -> None:
    bucket.versions.add((locked, "null"))
    bucket.locked = {locked}

    answer = run("Delete")

    assert (answer["Status"], bucket.versions) == ("FAILED", {(locked, "null")})
    assert answer["Reason"].startswith(
        f"BucketNotEmptied: bucket pictures: S3 refused to delete 1 objects, such as {shown} "
        f"(AccessDenied). Delete them, e.g. aws s3api delete-object --bucket pictures --key "
        f"$'{shown}', and destroy again"
    )


def test_of_more_objects_than_one_call_deletes_the_next_one_deletes_the_rest(
    run: Run, bucket: Bucket
) -> None:
    answer = run("Delete", 900_000, 900_000, 30_000)

    assert len(bucket.versions) == len(ODD_KEYS) - 2 * bucket.page_size
    assert "6 objects are deleted, and more remain" in answer["Reason"]
    assert "destroy again, which continues from here" in answer["Reason"]
    assert run("Delete")["Status"] == "SUCCESS"
    assert not bucket.versions


@pytest.mark.parametrize("tags", [[], [{"Key": "project", "Value": "scones"}]])
def test_a_bucket_that_is_to_be_retained_is_not_emptied(
    run: Run, bucket: Bucket, tags: list[dict[str, str]]
) -> None:
    bucket.tags = tags

    assert run("Delete")["Status"] == "SUCCESS"
    assert len(bucket.versions) == len(ODD_KEYS)
    assert bucket.policy == {"Statement": ["TLS only"]}


@pytest.mark.parametrize(
    ("kind", "more", "physical_id"),
    [
        ("Create", {}, "pictures"),
        ("Update", {"OldResourceProperties": {"BucketName": "pictures"}}, "as-made-by-cdk"),
        ("Update", {"OldResourceProperties": {"BucketName": "old"}}, "pictures"),
    ],
)
def test_only_another_bucket_makes_another_resource(
    run: Run, bucket: Bucket, kind: str, more: Any, physical_id: str
) -> None:
    assert run(kind, **more)["PhysicalResourceId"] == physical_id
    assert len(bucket.versions) == len(ODD_KEYS)


@pytest.mark.parametrize(
    ("operation", "code", "status"),
    [("get_bucket_tagging", "NoSuchBucket", "SUCCESS"), ("get_bucket_policy", "Denied", "FAILED")],
)
def test_a_gone_bucket_is_no_error_and_any_other_error_reaches_cloudformation(
    run: Run, bucket: Bucket, operation: str, code: str, status: str
) -> None:
    setattr(bucket, operation, Mock(side_effect=error(code)))

    answer = run("Delete")

    assert answer["Status"] == status
    assert ("Denied" in answer.get("Reason", "")) == (status == "FAILED")
    assert len(bucket.versions) == len(ODD_KEYS)
