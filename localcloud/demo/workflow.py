"""Run pictures through the deployed state machines and read the results."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from localcloud.demo.signals import CloudEnded
from localcloud.deployment import Application
from operations.aws import execute, session
from settings.s3_uris import S3Uri

POLL_SECONDS = 0.25

Notice = dict[str, Any]
"""An SNS message as a queue gets it: `Subject`, `Message` and others."""


@dataclass(frozen=True)
class Outcome:
    """The output of an execution, compared with the ground truth."""

    images: int
    accepted: int
    rejected: int
    errors: int
    accuracy: float | None
    """Share of pictures whose best class is right, among all that were classified, accepted or
    rejected; None if none was."""


def classify(application: Application, keys: Iterable[str]) -> dict[str, Any]:
    """Return the output of one execution over pictures, or raise ExecutionFailedError."""
    bucket = application.output("Storage", "DataBucketName")
    machine = application.output("Workflow", "StateMachineArn")
    images = [{"s3_bucket": bucket, "s3_key": key} for key in keys]
    with application.steps.step("classify the pictures") as say:
        started = time.monotonic()
        execution = execute(
            machine,
            {"images": images},
            poll_seconds=POLL_SECONDS,
            on_poll=lambda: say(f"{len(images)} pictures, {time.monotonic() - started:.0f} s"),
        )
    output: dict[str, Any] = json.loads(execution["output"])
    return output


def judge(output: Mapping[str, Any], ground_truth: Mapping[str, str]) -> Outcome:
    """Return counts and accuracy; `ground_truth` is the class name by key of the picture."""
    counts = output["counts"]
    right = [
        result["body"]["label"] == ground_truth[result["body"]["s3_key"]]
        for result in output["results"]
        if "label" in result["body"]
    ]
    return Outcome(
        images=counts["images"],
        accepted=counts["accepted"],
        rejected=counts["rejected"],
        errors=counts["failed"],
        accuracy=sum(right) / len(right) if right else None,
    )


def put_manifest(application: Application, name: str, pictures: Sequence[str]) -> str:
    """Put a manifest, which starts a batch transform of the pictures; return its key."""
    bucket = application.output("Storage", "DataBucketName")
    folder = S3Uri.parse(application.output("Batch", "BatchInputUri")).key.rstrip("/")
    key = f"{folder}/{name}.json"
    body = json.dumps([{"prefix": f"s3://{bucket}/"}, *pictures])
    session().client("s3").put_object(Bucket=bucket, Key=key, Body=body.encode())
    return key


def ended_transform(state_machine: str, manifest: str) -> dict[str, Any] | None:
    """Return the execution that the manifest started; None until it has ended."""
    client = session().client("stepfunctions")
    pages = client.get_paginator("list_executions").paginate(stateMachineArn=state_machine)
    for each in pages.search("executions[]"):
        execution: Any = client.describe_execution(executionArn=each["executionArn"])
        key = json.loads(execution["input"]).get("object", {}).get("key")
        if key == manifest and execution["status"] != "RUNNING":
            return dict(execution)
    return None


def training_job(application: Application) -> dict[str, Any]:
    """Return the description of the job that trained the deployed model."""
    name = application.output("Training", "TrainingJobName")
    return dict(session().client("sagemaker").describe_training_job(TrainingJobName=name))


def validation_accuracy(job: Mapping[str, Any]) -> float | None:
    """Return the validation accuracy that a training job reports."""
    for metric in job.get("FinalMetricDataList", ()):
        if metric["MetricName"] == "validation:accuracy":
            return float(metric["Value"])
    return None


@contextmanager
def listening(application: Application) -> Iterator[Callable[[], list[Notice]]]:
    """Subscribe a new queue to the topic; yield a function that returns what has arrived since.

    The queue and its subscription are removed at the end of the block.
    """
    topic = application.output("Workflow", "TopicArn")
    sqs, sns = session().client("sqs"), session().client("sns")
    with ExitStack() as removal:
        try:
            url = sqs.create_queue(QueueName=f"{application.settings.resource_prefix}-notices")[
                "QueueUrl"
            ]
            removal.callback(sqs.delete_queue, QueueUrl=url)
            attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
            queue = attributes["Attributes"]["QueueArn"]
            statement = {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": queue,
                "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
            }
            policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
            subscription = sns.subscribe(
                TopicArn=topic, Protocol="sqs", Endpoint=queue, ReturnSubscriptionArn=True
            )["SubscriptionArn"]
            removal.callback(sns.unsubscribe, SubscriptionArn=subscription)
            yield lambda: _receive(sqs, url)
        except CloudEnded:
            removal.pop_all()  # both are gone, and each call would retry for seconds
            raise


def _receive(sqs: Any, url: str) -> list[Notice]:
    """Take messages until none comes for a second."""
    notices: list[Notice] = []
    while True:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        messages = answer.get("Messages", [])
        if not messages:
            return notices
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            notices.append(json.loads(message["Body"]))
