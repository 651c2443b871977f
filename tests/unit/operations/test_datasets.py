import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest

from operations import datasets
from operations.aws import AwsError
from settings import Settings
from training import source
from training.dataset import Dataset, File, build, read

Content = dict[str, dict[bytes, Any]]
PARAMETER = "/scones/dev/dataset"


@pytest.fixture
def dataset(archive: Callable[[Content], Path], content: Content) -> Dataset:
    return build(source.from_archive(archive(content)), ("bicycle", "motorcycle"))


@pytest.fixture
def puts(aws: boto3.Session) -> list[str]:
    """Keys in the order in which they were sent to S3."""
    keys: list[str] = []

    def record(params: dict[str, Any], **_: object) -> None:
        keys.append(params["Key"])

    aws.events.register("provide-client-params.s3.PutObject", record)
    return keys


def files_of(dataset: Dataset) -> list[File]:
    return [*dataset.data_files(), *dataset.descriptions()]


def _objects(bucket: str) -> dict[str, Any]:
    s3 = boto3.client("s3")
    found = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    return {item["Key"]: s3.get_object(Bucket=bucket, Key=item["Key"]) for item in found}


def test_every_file_arrives_as_it_is(bucket: str, dataset: Dataset) -> None:
    assert datasets.upload(dataset, bucket) == 10
    objects = _objects(bucket)
    assert {key: item["Body"].read() for key, item in objects.items()} == {
        f"datasets/{dataset.digest}/{file.path}": file.content for file in files_of(dataset)
    }
    types = {Path(key).suffix: item["ContentType"] for key, item in objects.items()}
    assert types[".png"] == "image/png"
    assert types[".json"] == "application/json"


def test_no_file_waits_for_leave_to_be_sent(
    bucket: str, dataset: Dataset, aws: boto3.Session
) -> None:
    headers: list[set[str]] = []

    def record(params: dict[str, Any], **_: object) -> None:
        headers.append(set(params["headers"]))

    aws.events.register_last("before-call.s3", record)
    datasets.upload(dataset, bucket)

    assert headers
    assert not any("Expect" in each for each in headers)


def test_s3_compares_every_file_with_its_hash(
    bucket: str, dataset: Dataset, aws: boto3.Session
) -> None:
    signed: dict[str, str] = {}

    def record(request: AWSPreparedRequest, **_: object) -> None:
        if request.method == "PUT":
            value = request.headers["X-Amz-Content-SHA256"]
            signed[request.url] = value.decode() if isinstance(value, bytes) else value

    aws.events.register_first("before-send.s3", record)
    datasets.upload(dataset, bucket)

    assert sorted(signed.values()) == sorted(
        hashlib.sha256(read(file)).hexdigest() for file in files_of(dataset)
    )


def test_manifest_goes_up_last(bucket: str, dataset: Dataset, puts: list[str]) -> None:
    datasets.upload(dataset, bucket)
    assert len(puts) == 10
    assert puts[-1] == f"{dataset.prefix}/manifest.json"


def test_interrupted_upload_is_completed(bucket: str, dataset: Dataset, puts: list[str]) -> None:
    datasets.upload(dataset, bucket)
    picture, manifest = (
        f"{dataset.prefix}/train/seen_000002.png",
        f"{dataset.prefix}/manifest.json",
    )
    for key in (picture, manifest):
        boto3.client("s3").delete_object(Bucket=bucket, Key=key)
    boto3.client("s3").put_object(Bucket=bucket, Key=f"{dataset.prefix}/train.lst", Body=b"")
    puts.clear()
    assert datasets.upload(dataset, bucket) == 3
    assert sorted(puts) == sorted([picture, manifest, f"{dataset.prefix}/train.lst"])


def test_failed_picture_leaves_no_manifest(
    aws: boto3.Session, bucket: str, dataset: Dataset
) -> None:
    def fail(params: dict[str, Any], **_: object) -> None:
        if params["Key"].endswith("train.lst"):
            params["Bucket"] = "absent"

    aws.events.register("provide-client-params.s3.PutObject", fail)
    with pytest.raises(AwsError, match="AWS: .*bucket does not exist"):
        datasets.upload(dataset, bucket)
    assert f"{dataset.prefix}/manifest.json" not in _objects(bucket)


def test_an_error_does_not_wait_for_the_others(
    aws: boto3.Session, bucket: str, dataset: Dataset
) -> None:
    released = threading.Event()

    def fail_or_hang(params: dict[str, Any], **_: object) -> None:
        if params["Key"].endswith("train.lst"):
            params["Bucket"] = "absent"
        elif "/validation" in params["Key"]:  # after it
            released.wait(20)

    aws.events.register("provide-client-params.s3.PutObject", fail_or_hang)
    timer = threading.Timer(10, released.set)
    timer.start()
    with pytest.raises(AwsError, match="bucket does not exist"):
        datasets.upload(dataset, bucket)
    assert not released.is_set()
    timer.cancel()
    released.set()
    for thread in threading.enumerate():
        if thread.name.startswith("ThreadPoolExecutor"):
            thread.join(10)  # its picture must not reach the bucket of the next test


def test_listing_of_several_pages_is_read_to_its_end(
    aws: boto3.Session, bucket: str, dataset: Dataset
) -> None:
    def shorten(params: dict[str, Any], **_: object) -> None:
        params["MaxKeys"] = 2

    aws.events.register("provide-client-params.s3.ListObjectsV2", shorten)
    assert datasets.upload(dataset, bucket) == 10
    assert datasets.upload(dataset, bucket) == 0


def test_pointer_moves_once(bucket: str, settings: Settings, dataset: Dataset) -> None:
    assert datasets.point(settings, dataset) is True
    ssm = boto3.client("ssm")
    parameter = ssm.get_parameter(Name=PARAMETER)["Parameter"]
    assert (parameter["Value"], parameter["Type"]) == (dataset.prefix, "String")
    assert datasets.point(settings, dataset) is False
    assert ssm.get_parameter(Name=PARAMETER)["Parameter"]["Version"] == parameter["Version"]


def test_the_staged_dataset_is_read_from_where_the_pointer_says(
    bucket: str, settings: Settings, dataset: Dataset
) -> None:
    datasets.upload(dataset, bucket)
    datasets.point(settings, dataset)

    staged = datasets.read_staged(settings)

    assert (staged.source, staged.train) == ("cifar-100", 4)
    assert staged.ground_truth == {
        f"{dataset.prefix}/validation/unseen_000000.png": "motorcycle",
        f"{dataset.prefix}/validation/unseen_000002.png": "bicycle",
    }
