"""Contract tests of the repairs of S3; each fails without its repair."""

from typing import Any

import pytest
from botocore.exceptions import WaiterError

from localcloud.launcher import LocalCloud
from tests.local.localcloud.repairs.stacks import Stack, resource, tags, template


def test_a_bucket_of_a_stack_has_its_tags(cloud: LocalCloud, s3: Any) -> None:
    def tagged(**values: str) -> dict[str, Any]:
        return template(Bucket=resource("AWS::S3::Bucket", Tags=tags(**values)))

    def found() -> dict[str, str]:
        listed = s3.get_bucket_tagging(Bucket=_bucket(stack))["TagSet"]
        return {tag["Key"]: tag["Value"] for tag in listed}

    stack = Stack.new(cloud, tagged(first="1")).wait()
    assert found() == {"first": "1"}

    stack.update(tagged(first="2", second="3"))
    assert found() == {"first": "2", "second": "3"}
    stack.delete()


def test_a_bucket_that_holds_objects_is_not_deleted(cloud: LocalCloud, s3: Any) -> None:
    stack = Stack.new(cloud, template(Bucket=resource("AWS::S3::Bucket"))).wait()
    bucket = _bucket(stack)
    s3.put_object(Bucket=bucket, Key="picture", Body=b"")

    with pytest.raises(WaiterError, match="DELETE_FAILED"):
        stack.delete()
    assert any("not empty: it holds 1 objects" in reason for reason in stack.reasons())

    s3.delete_object(Bucket=bucket, Key="picture")
    stack.delete()


def test_versions_of_any_key_are_listed_page_by_page(s3: Any, bucket: str, put: Any) -> None:
    keys = ["a\x01.png", "b +#%.png", "c&<>\r\n.png", "d/ü/🚲.png"]
    for key in keys:
        put(key, b"p")

    pages = s3.get_paginator("list_object_versions")
    found = list(pages.paginate(Bucket=bucket, PaginationConfig={"PageSize": 2}))

    assert [each["Key"] for page in found for each in page["Versions"]] == keys
    assert len(found) == 2
    (one,) = pages.paginate(Bucket=bucket, Prefix=keys[0], Delimiter="+")
    assert (one["Prefix"], one["Delimiter"]) == (keys[0], "+")
    raw = s3.list_object_versions(Bucket=bucket, Prefix="b", EncodingType="url")
    assert (raw["EncodingType"], raw["Versions"][0]["Key"]) == ("url", "b%20%2B%23%25.png")


def _bucket(stack: Stack) -> str:
    listed = stack.cloudformation.list_stack_resources(StackName=stack.name)
    (only,) = listed["StackResourceSummaries"]
    return str(only["PhysicalResourceId"])
