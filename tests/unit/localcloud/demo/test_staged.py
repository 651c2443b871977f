"""The staged dataset is read from where the pointer says."""

import json

import boto3
import pytest

from localcloud.demo.staged import read_staged


@pytest.mark.usefixtures("aws")
def test_source_counts_and_truth_come_from_the_bucket() -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="data")
    boto3.client("ssm").put_parameter(Name="/pointer", Value="datasets/abc", Type="String")
    manifest = {"source": "drawn", "classes": ["bicycle", "motorcycle"]}
    for name, content in {
        "manifest.json": json.dumps(manifest),
        "train.lst": "0\t0\ta.png\n1\t1\tb.png\n2\t0\tc.png\n",
        "validation.lst": "0\t1\td.png\n1\t0\te.png\n",
    }.items():
        s3.put_object(Bucket="data", Key=f"datasets/abc/{name}", Body=content.encode())
    staged = read_staged(bucket="data", parameter="/pointer")

    assert (staged.source, staged.train) == ("drawn", 3)
    assert staged.truth == {
        "datasets/abc/validation/d.png": "motorcycle",
        "datasets/abc/validation/e.png": "bicycle",
    }
