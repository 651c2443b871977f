"""A bucket is emptied whatever keys it has, and CloudFormation hears how that ended."""

import json
from collections.abc import Iterator
from contextlib import nullcontext
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.request import Request
from xml.etree import ElementTree

import pytest
from botocore.exceptions import ClientError

from tests.unit.lambda_src.conftest import ImportHandler
from tests.unit.lambda_src.hostile import ODD_KEYS

TAG = {"Key": "aws-cdk:auto-delete-objects", "Value": "true"}
ENOUGH = SimpleNamespace(get_remaining_time_in_millis=lambda: 900_000)


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


class Answers(list[dict[str, Any]]):
    """What CloudFormation was told."""

    def __call__(self, request: Request, *, timeout: float) -> Any:
        assert request.full_url == "https://cloudformation.example/answer"
        assert request.get_method() == "PUT"
        assert isinstance(request.data, bytes)
        assert len(request.data) <= 4096
        self.append(json.loads(request.data))
        return nullcontext()


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def handler(
    import_handler: ImportHandler, monkeypatch: pytest.MonkeyPatch, bucket: Bucket, answers: Answers
) -> ModuleType:
    imported = import_handler("empty_bucket")
    monkeypatch.setattr(imported, "s3", bucket)
    monkeypatch.setattr(imported, "urlopen", answers)
    return imported


def event(kind: str, **more: Any) -> dict[str, Any]:
    return {
        "RequestType": kind,
        "ResponseURL": "https://cloudformation.example/answer",
        "StackId": "arn:aws-cn:cloudformation:cn-north-1:111122223333:stack/s/1",
        "RequestId": "request",
        "LogicalResourceId": "Resource",
        "PhysicalResourceId": "as-made-by-cdk",
        "ResourceProperties": {"BucketName": "pictures"},
        **more,
    }


CREATION = {name: value for name, value in event("Create").items() if "Physical" not in name}


def test_all_keys_and_versions_are_deleted(
    handler: ModuleType, bucket: Bucket, answers: Answers
) -> None:
    bucket.versions |= {("bay/\x01.png", "2"), ("a.png", "1")}
    bucket.markers = {("bay/\x02.png", "3"), ("a.png", "2")}

    handler.lambda_handler(event("Delete"), ENOUGH)

    assert not bucket.versions | bucket.markers
    assert answers == [
        {
            "Status": "SUCCESS",
            "StackId": event("Delete")["StackId"],
            "RequestId": "request",
            "LogicalResourceId": "Resource",
            "PhysicalResourceId": "as-made-by-cdk",
        }
    ]
    first, denial = bucket.policy["Statement"]
    assert first == "TLS only"
    assert (denial["Effect"], denial["Action"]) == ("Deny", "s3:PutObject")
    assert denial["Resource"] == "arn:aws-cn:s3:::pictures/*"


@pytest.mark.parametrize("locked", ["bay/\x01.png", "ü's.png"])
def test_what_s3_does_not_delete_is_named_with_the_remedy(
    handler: ModuleType, bucket: Bucket, answers: Answers, locked: str
) -> None:
    bucket.versions.add((locked, "null"))
    bucket.locked = {locked}

    handler.lambda_handler(event("Delete"), ENOUGH)

    assert bucket.versions == {(locked, "null")}
    (answer,) = answers
    assert answer["Status"] == "FAILED"
    shown = {"bay/\x01.png": r"bay/\x01.png", "ü's.png": r"ü\'s.png"}[locked]
    assert answer["Reason"].startswith(
        f"BucketNotEmptied: bucket pictures: S3 refused to delete 1 objects, such as {shown} "
        f"(AccessDenied). Delete them, e.g. aws s3api delete-object --bucket pictures --key "
        f"$'{shown}', and destroy again"
    )


def test_more_objects_than_one_call_deletes_are_said_to_go_on(
    handler: ModuleType, bucket: Bucket, answers: Answers
) -> None:
    times = iter([900_000, 900_000, 30_000])
    before = len(bucket.versions)

    handler.lambda_handler(
        event("Delete"), SimpleNamespace(get_remaining_time_in_millis=times.__next__)
    )

    assert len(bucket.versions) == before - 2 * bucket.page_size
    assert "6 objects are deleted, and more remain" in answers[0]["Reason"]
    assert "destroy again, which continues from here" in answers[0]["Reason"]


@pytest.mark.parametrize("tags", [[], [{"Key": "project", "Value": "scones"}]])
def test_a_bucket_that_is_to_be_retained_is_not_emptied(
    handler: ModuleType, bucket: Bucket, answers: Answers, tags: list[dict[str, str]]
) -> None:
    bucket.tags = tags

    handler.lambda_handler(event("Delete"), ENOUGH)

    assert len(bucket.versions) == len(ODD_KEYS)
    assert bucket.policy == {"Statement": ["TLS only"]}
    assert answers[0]["Status"] == "SUCCESS"


@pytest.mark.parametrize(
    ("given", "physical_id"),
    [
        (CREATION, "pictures"),
        (event("Update", OldResourceProperties={"BucketName": "pictures"}), "as-made-by-cdk"),
        (event("Update", OldResourceProperties={"BucketName": "old"}), "pictures"),
    ],
)
def test_only_another_bucket_makes_another_resource(
    handler: ModuleType, bucket: Bucket, answers: Answers, given: Any, physical_id: str
) -> None:
    handler.lambda_handler(given, ENOUGH)

    assert answers[0]["PhysicalResourceId"] == physical_id
    assert len(bucket.versions) == len(ODD_KEYS)


@pytest.mark.parametrize(
    ("operation", "code", "status"),
    [("get_bucket_tagging", "NoSuchBucket", "SUCCESS"), ("get_bucket_policy", "Denied", "FAILED")],
)
def test_a_gone_bucket_is_no_error_and_any_other_error_reaches_cloudformation(
    handler: ModuleType,
    bucket: Bucket,
    answers: Answers,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    code: str,
    status: str,
) -> None:
    def refuse(**_: Any) -> Any:
        raise error(code)

    monkeypatch.setattr(bucket, operation, refuse)

    handler.lambda_handler(event("Delete"), ENOUGH)

    assert answers[0]["Status"] == status
    assert ("Denied" in answers[0].get("Reason", "")) == (status == "FAILED")
    assert len(bucket.versions) == len(ODD_KEYS)
