"""Other settings of a stack, deployed over the first ones."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from settings import Settings
from settings.loader import validate
from tests.local.batch import predictions, transform
from tests.local.deployment import DEPLOY, Deployment
from tests.local.inbox import Inbox, Messages


def settings_with(**values: Any) -> Settings:
    return validate(values, environment="dev", source="a test")


def test_raised_rejections_fail_the_execution_and_a_fifo_topic_reports_each_once(
    deployment: Deployment, verdicts: dict[str, list[str]]
) -> None:
    sqs = deployment.cloud.client("sqs")
    inbox = Inbox.create(sqs, "reports.fifo", FifoQueue="true")
    variant = settings_with(
        workflow={"rejection_style": "raise", "on_rejection": "fail"},
        notifications={"topic": "fifo", "sqs": [inbox.arn]},
    )
    accepted, rejected = verdicts["accepted"][0], verdicts["rejected"][0]
    images = [deployment.image(key) for key in (accepted, rejected, "variants/gone.png")]

    deployment.deploy_variant("Workflow", variant)
    try:
        assert deployment.classify(accepted)["counts"]["accepted"] == 1
        failed = [deployment.execute({"images": images}) for _ in range(2)]
        dead = deployment.execute({"images": "one.png"})
        received = inbox.receive(3)
    finally:
        deployment.cdk(*DEPLOY, "--all")  # a new topic: other stacks send to it
        sqs.delete_queue(QueueUrl=inbox.url)

    assert {(state["status"], state["error"]) for state in failed} == {("FAILED", "ImagesRejected")}
    bodies = [json.loads(message["Body"]) for message in received]
    assert [body["Subject"] for body in bodies] == [
        *(["Scones dev: 2 of 3 images need attention"] * len(failed)),
        "Scones dev: an execution failed",
    ]
    for text in (failed[0]["cause"], bodies[0]["Message"]):
        assert "1 accepted, 1 rejected, 1 failed of 3 images." in text
        assert f"{rejected}\n    best class " in text
        assert "variants/gone.png\n    ImageNotFound: " in text
    assert dead["executionArn"] in bodies[-1]["Message"]
    attributes = [message["Attributes"] for message in received]
    groups = [each["MessageGroupId"] for each in attributes]
    assert len(set(groups)) == len(received)
    assert [each["MessageDeduplicationId"] for each in attributes] == groups


@pytest.fixture
def without_endpoint(deployment: Deployment) -> Iterator[None]:
    """Switch the endpoint off during a test."""
    deployment.deploy_variant("Inference", settings_with(endpoint={"enabled": False}))
    yield
    deployment.deploy_variant("Inference", deployment.settings)


@pytest.mark.usefixtures("verdicts", "without_endpoint")  # in this order
def test_a_manifest_becomes_predictions_without_an_endpoint(
    deployment: Deployment, verdicts: dict[str, list[str]], messages: Messages
) -> None:
    sagemaker = deployment.cloud.client("sagemaker")
    assert sagemaker.list_endpoints()["Endpoints"] == []
    expected = {key: verdict for verdict, keys in verdicts.items() for key in keys}

    output = transform(deployment, "all", *expected)

    lines = predictions(deployment, output)
    assert {line["key"]: line["status"] for line in lines} == expected
    assert len(lines) == len(expected)
    truth = deployment.dataset.ground_truth
    accepted = [line for line in lines if line["status"] == "accepted"]
    right = [line for line in accepted if truth[line["key"]] == line["label"]]
    assert len(right) > 0.9 * len(accepted) > 0
    counts = {verdict: len(keys) for verdict, keys in verdicts.items()}
    assert output["counts"] == {"images": len(expected), "failed": 0, "folders": 0} | counts
    (message,) = messages(1)
    assert message["Subject"] == (
        f"Scones dev: {counts['rejected']} of {len(expected)} images need attention"
    )
    assert f"All results are in {output['location']}" in message["Message"]
    job = sagemaker.describe_transform_job(TransformJobName=output["location"].split("/")[-2])
    assert job["TransformJobStatus"] == "Completed"
    tags = sagemaker.list_tags(ResourceArn=job["TransformJobArn"])["Tags"]
    assert {"Key": "environment", "Value": "dev"} in tags
