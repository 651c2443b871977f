from pathlib import Path
from typing import Any

import boto3
import pytest

from localcloud.demo.signals import CloudEnded
from localcloud.demo.workflow import Outcome, judge, listening
from localcloud.deployment import Application
from localcloud.launcher import LocalCloudError
from settings import load


def result(key: str, status: int, label: str | None = None) -> dict[str, Any]:
    """One picture's result, as the state machine returns it."""
    body = {"s3_bucket": "pictures", "s3_key": key}
    if label is None:
        return {"statusCode": status, "error": "NotAnImage", "cause": "text", "body": body}
    return {"statusCode": status, "body": {**body, "label": label, "confidence": 0.9}}


def test_accuracy_is_the_share_of_right_labels_among_the_classified() -> None:
    output = {
        "counts": {"images": 5, "accepted": 2, "rejected": 1, "failed": 2},
        "results": [
            result("a", 200, "bicycle"),
            result("b", 200, "bicycle"),
            result("c", 406, "motorcycle"),
            result("d", 415),
            {"statusCode": 400, "error": "InvalidImageReference", "cause": "null", "body": {}},
        ],
    }
    truth = {"a": "bicycle", "b": "motorcycle", "c": "motorcycle", "d": "bicycle"}

    assert judge(output, truth) == Outcome(
        images=5, accepted=2, rejected=1, errors=2, accuracy=2 / 3
    )


def test_nothing_classified_has_no_accuracy() -> None:
    output = {
        "counts": {"images": 1, "accepted": 0, "rejected": 0, "failed": 1},
        "results": [result("a", 404)],
    }

    assert judge(output, {"a": "bicycle"}).accuracy is None


@pytest.fixture
def topic(aws: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """ARN of the topic of the application."""
    arn = boto3.client("sns").create_topic(Name="notifications")["TopicArn"]
    monkeypatch.setattr(Application, "output", lambda *_: arn)
    return arn


APPLICATION = Application(load("dev"), Path("nowhere"))


def test_messages_are_received_from_the_subscription_on_and_the_queue_goes(topic: str) -> None:
    sns, sqs = boto3.client("sns"), boto3.client("sqs")
    sns.publish(TopicArn=topic, Message="too early")
    with listening(APPLICATION) as receive:
        sns.publish(TopicArn=topic, Message="one")
        sns.publish(TopicArn=topic, Message="two")

        assert sorted(notice["Message"] for notice in receive()) == ["one", "two"]
    assert sqs.list_queues().get("QueueUrls", []) == []
    assert sns.list_subscriptions()["Subscriptions"] == []


@pytest.mark.usefixtures("topic")
def test_a_cloud_that_has_ended_is_not_asked_to_remove_the_queue() -> None:
    with pytest.raises(CloudEnded), listening(APPLICATION):
        raise CloudEnded(LocalCloudError("the local cloud ended"))

    assert len(boto3.client("sqs").list_queues()["QueueUrls"]) == 1
