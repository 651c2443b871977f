"""Every judged call of a role is recorded, once."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.launcher import LocalCloud
from tests.local.localcloud.roles import client_as, statement


def test_allowed_and_denied_calls_are_recorded_once(
    cloud: LocalCloud, role: Any, bucket: str
) -> None:
    arn = role(statement("s3:ListBucket", f"arn:aws:s3:::{bucket}"))
    s3 = client_as(cloud, arn, "s3")

    for _ in range(2):
        s3.list_objects_v2(Bucket=bucket, Prefix="the")
        with pytest.raises(ClientError):
            s3.get_object(Bucket=bucket, Key="there")

    calls = [json.loads(line) for line in cloud.calls.read_text().splitlines()]
    listed, read = (call for call in calls if call["role"] == arn)
    assert listed["context"].pop("s3:prefix") == "the"
    constant = {
        "aws:PrincipalAccount": "000000000000",
        "aws:RequestedRegion": "us-east-1",
        "aws:ResourceAccount": "000000000000",
        "aws:SecureTransport": "true",
        "aws:SourceIp": "127.0.0.1",
    }
    assert listed == {
        "role": arn,
        "action": "s3:ListBucket",
        "resource": f"arn:aws:s3:::{bucket}",
        "context": constant,
        "allowed": True,
    }
    assert read == {
        "role": arn,
        "action": "s3:GetObject",
        "resource": f"arn:aws:s3:::{bucket}/there",
        "context": constant,
        "allowed": False,
    }


def test_what_the_administrator_does_is_not_judged(cloud: LocalCloud, bucket: str) -> None:
    cloud.client("s3").list_objects_v2(Bucket=bucket)

    assert f'arn:aws:s3:::{bucket}"' not in cloud.calls.read_text()
