"""Captured pictures that people label become training pictures of the next model."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from scones.__main__ import main
from tests.local.captures import captured_calls
from tests.local.deployment import VALIDATION_PER_CLASS, Deployment
from tests.local.waiting import wait
from training import manifest
from training.cifar import drawn
from training.manifest import Manifest

NEW_PER_CLASS = 3


@pytest.fixture
def new_pictures(deployment: Deployment) -> dict[bytes, str]:
    """Return JPEG pictures of several sizes, which the model never saw, and their classes."""
    classes = deployment.settings.dataset.classes
    drawing = drawn.draw(
        classes, train_per_class=1, validation_per_class=VALIDATION_PER_CLASS + NEW_PER_CLASS
    ).test
    pictures = {}
    for row in range(VALIDATION_PER_CLASS * len(classes), len(drawing.labels)):
        file = io.BytesIO()
        size = (40 + row % 7, 90)
        Image.fromarray(drawing.pictures[row]).resize(size).save(file, "JPEG", quality=95)
        pictures[file.getvalue()] = classes[drawing.labels[row]]
    return pictures


@pytest.fixture
def first(deployment: Deployment) -> Iterator[str]:
    """Yield the prefix of the staged dataset; go back to it, and remove the other, afterwards."""
    prefix = deployment.staged_prefix()
    yield prefix
    other = deployment.staged_prefix()
    deployment.point_at(prefix)
    if other != prefix:
        s3 = deployment.cloud.client("s3")
        pages = s3.get_paginator("list_objects_v2").paginate(
            Bucket=deployment.data_bucket, Prefix=f"{other}/"
        )
        for page in pages:
            keys = [{"Key": item["Key"]} for item in page["Contents"]]
            s3.delete_objects(Bucket=deployment.data_bucket, Delete={"Objects": keys})


def described(deployment: Deployment, prefix: str) -> Manifest:
    uri = f"s3://{deployment.data_bucket}/{prefix}/manifest.json"
    return manifest.parse(deployment.read(uri), uri)


def fill_in(file: Path, labels: dict[str, str]) -> None:
    """Write labels by event id into a file of `scones sample`."""
    rows = list(csv.reader(file.open(newline="")))
    event_id, label = (rows[0].index(name) for name in ("event_id", "label"))
    for row in rows[1:]:
        row[label] = labels.get(row[event_id], "")
    csv.writer(file.open("w", newline="")).writerows(rows)


def train(deployment: Deployment, first: str, other: str, pictures: int) -> str:
    """Train as the stack's job did, on the other dataset; return how it ended."""
    sagemaker = deployment.cloud.client("sagemaker")
    former = sagemaker.describe_training_job(
        TrainingJobName=deployment.outputs("Training")["TrainingJobName"]
    )
    channels = json.loads(json.dumps(former["InputDataConfig"]).replace(first, other))
    name = "labelled"
    sagemaker.create_training_job(
        TrainingJobName=name,
        HyperParameters={**former["HyperParameters"], "num_training_samples": str(pictures)},
        InputDataConfig=channels,
        AlgorithmSpecification={
            key: former["AlgorithmSpecification"][key]
            for key in ("TrainingImage", "TrainingInputMode")
        },
        **{
            key: former[key]
            for key in ("RoleArn", "OutputDataConfig", "ResourceConfig", "StoppingCondition")
        },
    )

    def status() -> str:
        found = sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"]
        return "" if found == "InProgress" else found

    return str(wait(status))


def test_labelled_captures_train_the_next_model(
    deployment: Deployment,
    new_pictures: dict[bytes, str],
    first: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    runtime = deployment.cloud.client("sagemaker-runtime")
    with captured_calls(deployment, len(new_pictures)) as captures:
        for content in new_pictures:
            runtime.invoke_endpoint(
                EndpointName=deployment.settings.endpoint_name,
                ContentType="application/x-image",
                Body=content,
            )
    labels = {each.event_id: new_pictures[each.picture or b""] for each in captures}
    none, *added = labels
    sample = tmp_path / "sample"

    assert main(["sample", "--environment", "dev", "--count", "100000", "--out", str(sample)]) == 0
    fill_in(sample / "labels.csv", {**labels, none: "none"})
    assert main(["stage", "--add", str(sample / "labels.csv")]) == 0

    before = described(deployment, first)
    prefix = deployment.staged_prefix()
    after = described(deployment, prefix)
    assert (after.parent, after.counts["validation"]) == (
        before.digest,
        before.counts["validation"],
    )
    assert {each.event_id: each.label for each in after.added} == {
        event_id: labels[event_id] for event_id in added
    }
    pictures = sum(after.counts["train"].values())
    assert pictures == sum(before.counts["train"].values()) + len(added)
    assert train(deployment, first, prefix, pictures) == "Completed"
