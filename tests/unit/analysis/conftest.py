"""Files of captures to test with."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest

from tests.capture_records import Write, png, write_to

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes records to a file below `tmp_path / "captures"`."""
    return write_to(tmp_path / "captures")


@pytest.fixture
def client(aws: boto3.Session) -> "S3Client":
    """Return a client of an S3 with the empty bucket "bucket"."""
    client = aws.client("s3")
    client.create_bucket(
        Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    return client


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A staged dataset of two pictures."""
    root, classes = tmp_path / "dataset", ("bicycle", "motorcycle")
    for split, red, label in (("train", 1, 0), ("validation", 2, 1)):
        (root / split).mkdir(parents=True)
        (root / split / "a.png").write_bytes(png(red))
        (root / f"{split}.lst").write_text(f"0\t{label}\ta.png\n")
    counts = {split: dict.fromkeys(classes, 1) for split in ("train", "validation")}
    manifest = {"source": "drawn", "digest": "d", "classes": classes, "counts": counts}
    (root / "manifest.json").write_text(json.dumps(manifest))
    return root
