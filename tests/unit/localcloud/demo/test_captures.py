import json
from pathlib import Path

import boto3
import pytest

from analysis import load
from localcloud.demo import captures

RECORD = {
    "captureData": {"endpointOutput": {"data": "[0.9, 0.1]", "encoding": "JSON"}},
    "eventMetadata": {"eventId": "one", "inferenceTime": "2024-10-15T14:05:12Z"},
}


@pytest.fixture
def location(aws: None) -> str:
    """Captures of one variant in a bucket, beside other objects."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="bucket")
    for key in ("captures/scones/blue/2024/10/15/14/a.jsonl", "captures-of-others/a.jsonl"):
        s3.put_object(Bucket="bucket", Key=key, Body=json.dumps(RECORD).encode())
    return "s3://bucket/captures"


def test_a_copy_reads_as_the_original(location: str, tmp_path: Path) -> None:
    captures.copy(location, tmp_path / "captures")
    (row,) = load(tmp_path / "captures").itertuples()

    assert (row.event_id, row.endpoint, row.variant) == ("one", "scones", "blue")
    assert len(list(tmp_path.rglob("*.jsonl"))) == 1


@pytest.mark.parametrize("key", ["captures/../../x", "captures//x", "captures/a/./x"])
def test_a_key_that_leaves_the_folder_is_refused(location: str, key: str, tmp_path: Path) -> None:
    boto3.client("s3").put_object(Bucket="bucket", Key=key, Body=b"not ours")

    with pytest.raises(ValueError, match=f"key '{key}' in bucket bucket .*remove the object"):
        captures.copy(location, tmp_path / "out" / "captures")
    assert not list(tmp_path.rglob("x"))


def test_folders_that_the_console_made_are_not_copied(location: str, tmp_path: Path) -> None:
    for key in ("captures/", "captures/week 28/"):
        boto3.client("s3").put_object(Bucket="bucket", Key=key, Body=b"")

    captures.copy(location, tmp_path / "captures")

    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["a.jsonl"]


def test_nothing_captured_is_nothing_to_copy(aws: None, tmp_path: Path) -> None:
    boto3.client("s3").create_bucket(Bucket="bucket")
    captures.copy("s3://bucket/captures", tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_the_baselines_own_calls_are_not_waited_for(location: str) -> None:
    metadata = {
        "eventId": "two",
        "inferenceId": "baseline-1",
        "inferenceTime": "2024-10-15T14:05:12Z",
    }
    own = {**RECORD, "eventMetadata": metadata}
    boto3.client("s3").put_object(
        Bucket="bucket",
        Key="captures/scones/blue/2024/10/15/14/b.jsonl",
        Body=json.dumps(own).encode(),
    )

    assert captures.wait_for(location, expected=1, within_seconds=60, say=print) == 1


def test_waiting_ends_with_the_last_capture_or_with_the_time(location: str) -> None:
    def wait_for(expected: int) -> int:
        return captures.wait_for(location, expected=expected, within_seconds=0, say=print)

    assert wait_for(expected=1) == 1
    assert wait_for(expected=2) == 1
