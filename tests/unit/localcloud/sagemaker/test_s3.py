import re
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws
from mypy_boto3_s3 import S3Client

from localcloud.sagemaker import s3
from localcloud.sagemaker.contract import ApiError, Failure
from localcloud.sagemaker.records import Scope

ACCESS = s3.Access(
    scope=Scope("123456789012", "us-east-1"), role="arn:aws:iam::123456789012:role/training"
)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Client]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        monkeypatch.setattr(s3, "client", lambda _access: client)
        client.create_bucket(Bucket="bucket")
        for key in ("d/train/", "d/train/1.png", "d/train/x/2.png", "d/train.lst", "d/other.png"):
            client.put_object(Bucket="bucket", Key=key, Body=key.encode())
        yield client


@pytest.mark.parametrize(
    ("uri", "files"),
    [
        ("s3://bucket/d/train/", {"1.png", "x/2.png"}),
        ("s3://bucket/d/train.lst", {"train.lst"}),
        # S3Prefix is a prefix of text: without a slash at the end it includes the list.
        ("s3://bucket/d/train", {"1.png", "x/2.png", "train.lst"}),
        ("s3://bucket", {"d/train/1.png", "d/train/x/2.png", "d/train.lst", "d/other.png"}),
        ("s3://bucket/nothing", set()),
    ],
)
def test_objects_below_a_prefix(
    bucket: S3Client, tmp_path: Path, uri: str, files: set[str]
) -> None:
    count = s3.download_prefix(ACCESS, uri, tmp_path)
    found = {
        str(file.relative_to(tmp_path)): file.read_text()
        for file in tmp_path.rglob("*")
        if file.is_file()
    }
    assert found.keys() == files
    assert all(content.endswith(name) for name, content in found.items())
    assert count == len(files)


@pytest.mark.parametrize("key", ["e/../../evil", "e//1.png", "e/./1.png", "e/a//1.png"])
def test_a_key_outside_the_channel_or_with_another_keys_path_is_refused(
    bucket: S3Client, tmp_path: Path, key: str
) -> None:
    bucket.put_object(Bucket="bucket", Key="e/1.png", Body=b"x")
    bucket.put_object(Bucket="bucket", Key=key, Body=b"x")
    with pytest.raises(Failure, match=f"key '{re.escape(key)}': .* is not a path below its folder"):
        s3.download_prefix(ACCESS, "s3://bucket/e/", tmp_path)


@pytest.mark.parametrize("uri", ["https://b.s3.amazonaws.com/k", "s3:///k", "b/k"])
def test_other_uris_are_refused_by_name(uri: str) -> None:
    with pytest.raises(ApiError, match="is not of the form s3://bucket/key"):
        s3.split_uri(uri)
