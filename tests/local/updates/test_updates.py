"""The same application again: unchanged, with other settings, with other and with broken data."""

import csv
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from PIL import Image
from rich.console import Console

from localcloud.cdk import CdkError
from operations import staging
from operations.datasets import read_staged
from operations.deployed import deployed_threshold, find_target
from settings.loader import validate
from tests.local.deployment import DEPLOY, TRAIN_PER_CLASS, Deployment
from training.cifar import drawn


@contextmanager
def invoking(deployment: Deployment) -> Iterator[list[str]]:
    """Invoke the endpoint again and again; yield a list that gets "" or the error of each call."""
    runtime = deployment.cloud.client("sagemaker-runtime")
    key = next(iter(deployment.dataset.ground_truth))
    picture = deployment.read(f"s3://{deployment.data_bucket}/{key}")
    outcomes: list[str] = []
    stopped = threading.Event()

    def invoke() -> None:
        while not stopped.wait(0.05):
            try:
                runtime.invoke_endpoint(
                    EndpointName=deployment.settings.endpoint_name,
                    ContentType="image/png",
                    Body=picture,
                )
                outcomes.append("")
            except (ClientError, BotoCoreError) as error:
                outcomes.append(repr(error))

    thread = threading.Thread(target=invoke)
    thread.start()
    try:
        yield outcomes
    finally:
        stopped.set()
        thread.join()


def test_job_and_endpoint_have_the_tags(deployment: Deployment) -> None:
    sagemaker = deployment.cloud.client("sagemaker")
    (job, *_) = sagemaker.list_training_jobs()["TrainingJobSummaries"]
    endpoint = sagemaker.describe_endpoint(EndpointName=deployment.settings.endpoint_name)

    for arn in (job["TrainingJobArn"], endpoint["EndpointArn"]):
        tags = sagemaker.list_tags(ResourceArn=arn)["Tags"]
        assert {tag["Key"]: tag["Value"] for tag in tags} == deployment.settings.tags_by_key


def test_another_threshold_is_all_that_changes(deployment: Deployment) -> None:
    settings = deployment.settings
    workflow = settings.workflow.model_copy(update={"confidence_threshold": 0.5})
    variant = deployment.variant(settings.model_copy(update={"workflow": workflow}))
    before = deployment.sagemaker_resources()

    diff = variant.cdk("diff", "--all")
    deployed = variant.cdk(*DEPLOY, "--all")
    of_report = deployed_threshold(settings)
    threshold = deployment.classify(next(iter(deployment.dataset.ground_truth)))["results"][0][
        "body"
    ]
    after = deployment.sagemaker_resources()
    deployment.cdk(*DEPLOY, "--all")

    changes = re.findall(r"\[[~+-]\] .*", diff)
    variable = ["Environment", ".Variables:", ".CONFIDENCE_THRESHOLD:", "0.93", "0.5"]
    functions = [change for change in changes if "AWS::" in change]
    assert sorted(change.split(" ")[2] for change in functions) == [
        "BatchTransform/WritePredictions",
        "BulkClassification/ClassifyBatch",
        "DriftDetector/Function",
        "FilterConfidence",
    ]
    others = [change.rpartition(" ")[2] for change in changes if change not in functions]
    assert others == variable * len(functions)
    assert "Number of stacks with differences: 3\n" in diff
    assert deployed.count("(no changes)") == 3
    assert threshold["threshold"] == of_report.value == 0.5
    assert after == before


DRAWN_AS = {
    "bicycle": "scone, burnt",
    "pickup_truck": "=\u534a\u713c\u3051 <b>",
    "motorcycle": "left/right",
}


@pytest.fixture
def own_pictures(deployment: Deployment, tmp_path: Path) -> Deployment:
    """Stage a list of pictures, few of one class, and return the stacks that take its classes."""
    drawing = drawn.draw(tuple(DRAWN_AS), train_per_class=40, validation_per_class=18)
    labels = tmp_path / "labels.csv"
    with labels.open("w", newline="") as opened:
        rows = csv.writer(opened)
        rows.writerow(("path", "label", "split"))
        for split, drawings in (("train", drawing.train), ("validation", drawing.test)):
            for row, label in enumerate(drawings.labels):
                if (split, label) == ("train", 0) and row % 4:
                    continue
                name = f"{split}-{row}.png"
                Image.fromarray(drawings.pictures[row]).save(tmp_path / name)
                rows.writerow((name, DRAWN_AS[drawing.class_names[label]], split))
    settings = validate(
        {
            "dataset": {"source": "manifest", "pictures": str(labels), "side": 32},
            "training": {"class_weights": "balanced"},
        },
        environment=deployment.settings.environment,
        source="a test",
    )
    console = Console(quiet=True)
    assert deployment.dataset.source == "drawn"  # read, and kept, before another one is staged
    staging.run(settings, staging.source_of(settings), console=console)
    return deployment.variant(settings)


def test_changed_data_replaces_the_model_without_a_failed_request(
    deployment: Deployment, own_pictures: Deployment
) -> None:
    before = deployment.sagemaker_resources()
    artifact = deployment.outputs("Training")["ModelDataUrl"]

    with invoking(deployment) as outcomes:
        own_pictures.cdk(*DEPLOY, "--all")
        changed = deployment.sagemaker_resources()
        so_far = len(outcomes)
        changed_artifact = deployment.outputs("Training")["ModelDataUrl"]
        target = find_target("dev", captures=None, threshold=None)
        staged = read_staged(own_pictures.settings)
        results = own_pictures.classify(*staged.ground_truth)["results"]
        deployment.stage(train_per_class=TRAIN_PER_CLASS)
        deployment.cdk(*DEPLOY, "--all")
    back = deployment.sagemaker_resources()

    assert target.classes == tuple(sorted(DRAWN_AS.values()))
    labels = {each["body"]["s3_key"]: each["body"]["label"] for each in results}
    right = [key for key, label in staged.ground_truth.items() if labels[key] == label]
    assert len(right) > 0.6 * len(results) == 0.6 * len(staged.ground_truth)
    assert {len(each["body"]["inferences"]) for each in results} == {len(DRAWN_AS)}
    assert set(outcomes) == {""}
    assert 0 < so_far < len(outcomes)
    assert changed["jobs"][:-1] == before["jobs"]
    assert changed["jobs"][-1] in changed_artifact
    assert_replaced_in_place(before, changed)
    # Back to the first dataset: its finished job is found, nothing is trained.
    assert back["jobs"] == changed["jobs"]
    assert deployment.outputs("Training")["ModelDataUrl"] == artifact
    assert_replaced_in_place(changed, back)


def assert_replaced_in_place(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Assert that one model, configuration and baseline replaced the old, at the same endpoint."""
    for kind in ("models", "configurations", "baselines"):
        assert len(new[kind]) == len(old[kind]) == 1
        assert new[kind] != old[kind]
    assert new["endpoint"]["EndpointConfigName"] == new["configurations"][0]
    assert new["endpoint"]["EndpointStatus"] == "InService"
    assert new["endpoint"]["CreationTime"] == old["endpoint"]["CreationTime"]


def test_a_failed_training_is_the_stacks_error_and_the_endpoint_goes_on(
    deployment: Deployment, verdicts: dict[str, list[str]]
) -> None:
    good = point_at_a_dataset_with_a_missing_picture(deployment)
    try:
        with pytest.raises(CdkError, match=r"(?s)training job scones-dev-\w+ is Failed.*gone\.png"):
            deployment.cdk(*DEPLOY, "--all")
    finally:
        deployment.point_at(good)

    (stack,) = deployment.cloud.client("cloudformation").describe_stacks(
        StackName=deployment.settings.stack_name("Training")
    )["Stacks"]
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert deployment.classify(verdicts["accepted"][0])["counts"]["accepted"] == 1
    # The first dataset again: nothing changes, and nothing is trained.
    jobs = deployment.training_jobs()
    assert deployment.cdk(*DEPLOY, "--all").count("(no changes)") == 6
    assert deployment.training_jobs() == jobs


def point_at_a_dataset_with_a_missing_picture(deployment: Deployment) -> str:
    """Return the prefix that the pointer held before."""
    s3, bucket = deployment.cloud.client("s3"), deployment.data_bucket
    prefix = deployment.staged_prefix()
    keys = [
        entry["Key"].removeprefix(prefix)
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for entry in page["Contents"]
    ]
    for key in keys:
        s3.copy_object(
            Bucket=bucket, Key=f"datasets/broken{key}", CopySource=f"{bucket}/{prefix}{key}"
        )
    lines = s3.get_object(Bucket=bucket, Key=f"{prefix}/train.lst")["Body"].read()
    s3.put_object(
        Bucket=bucket, Key="datasets/broken/train.lst", Body=lines + b"1000\t0\tgone.png\n"
    )
    deployment.point_at("datasets/broken")
    return prefix
