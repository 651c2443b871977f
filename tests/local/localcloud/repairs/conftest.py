"""An S3 bucket for a state machine to read and write, and its Map Run."""

import uuid
from typing import Any

import pytest

from localcloud.launcher import LocalCloud


@pytest.fixture(scope="module")
def s3(cloud: LocalCloud) -> Any:
    return cloud.client("s3")


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"b-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def put(s3: Any, bucket: str) -> Any:
    return lambda key, body: s3.put_object(Bucket=bucket, Key=key, Body=body)


@pytest.fixture
def read(s3: Any, bucket: str) -> Any:
    return lambda key: s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()


@pytest.fixture
def map_run(cloud: LocalCloud) -> Any:
    """The only Map Run of an execution, described."""
    client = cloud.client("stepfunctions")

    def describe(execution: dict[str, Any]) -> dict[str, Any]:
        (run,) = client.list_map_runs(executionArn=execution["executionArn"])["mapRuns"]
        described: dict[str, Any] = client.describe_map_run(mapRunArn=run["mapRunArn"])
        return described

    return describe
