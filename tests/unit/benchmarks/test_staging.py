from collections.abc import Iterator, Sequence

import boto3
import pytest
from moto import mock_aws

from benchmarks import staging
from training.cifar import drawn
from training.source import CifarSource

CLASSES = ["bicycle", "motorcycle"]


@pytest.fixture
def source() -> CifarSource:
    return CifarSource("drawn", drawn.draw(CLASSES, train_per_class=3, validation_per_class=2))


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        yield


def test_contenders_take_turns_and_the_first_round_is_discarded(source: CifarSource) -> None:
    ran: list[str] = []

    def contender(name: str) -> staging.Stage:
        def bring(source: CifarSource, classes: Sequence[str], bucket: str) -> int:
            ran.append(name)
            return 10

        return bring

    both = {name: contender(name) for name in ("a", "b")}
    speeds = staging.measure(boto3.client("s3"), source, CLASSES, repeats=2, contenders=both)

    assert ran == ["a", "b"] * 3
    assert {name: len(values) for name, values in speeds.items()} == {"a": 2, "b": 2}


@pytest.mark.parametrize("contender", staging.CONTENDERS.values(), ids=staging.CONTENDERS)
def test_each_contender_stages_every_picture(source: CifarSource, contender: staging.Stage) -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="pictures")

    assert contender(source, CLASSES, "pictures") == 10
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket="pictures")["Contents"]]
    assert sum(key.endswith(".png") for key in keys) == 10
