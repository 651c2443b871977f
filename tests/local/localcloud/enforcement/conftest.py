"""A bucket for roles to read and write."""

import uuid

import pytest

from localcloud.launcher import LocalCloud


@pytest.fixture
def bucket(cloud: LocalCloud) -> str:
    """Name of a bucket with one object, `there`."""
    s3, name = cloud.client("s3"), f"b-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="there", Body=b"[1, 2]")
    return name
