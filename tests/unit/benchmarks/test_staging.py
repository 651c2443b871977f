"""Turns of the two ways, and what each brings into the bucket."""

import os
from collections.abc import Iterator, Sequence

import boto3
import pytest
from moto import mock_aws

from benchmarks import staging
from training import drawn
from training.source import Source

CLASSES = ["bicycle", "motorcycle"]


@pytest.fixture
def source() -> Source:
    return Source("drawn", drawn.draw(CLASSES, train_per_class=3, validation_per_class=2))


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        yield boto3.client("s3")


def test_the_ways_take_turns_and_the_first_round_is_not_kept(s3: object, source: Source) -> None:
    ran: list[str] = []

    def way(name: str) -> staging.Stage:
        def bring(source: Source, classes: Sequence[str], bucket: str) -> int:
            ran.append(name)
            return 10

        return bring

    ways = {"a": way("a"), "b": way("b")}
    measured = staging.measure(s3, source, CLASSES, repeats=2, group=os.getpgrp(), ways=ways)

    assert ran == ["a", "b"] * 3
    for each in measured.values():
        assert len(each.speeds) == len(each.client) == len(each.cloud) == 2


@pytest.mark.parametrize("way", staging.WAYS.values(), ids=staging.WAYS)
def test_each_way_brings_every_picture(s3: object, source: Source, way: staging.Stage) -> None:
    client = boto3.client("s3")
    client.create_bucket(Bucket="pictures")

    assert way(source, CLASSES, "pictures") == 10
    keys = [item["Key"] for item in client.list_objects_v2(Bucket="pictures")["Contents"]]
    assert sum(key.endswith(".png") for key in keys) == 10
