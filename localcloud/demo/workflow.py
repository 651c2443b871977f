"""Runs pictures through the deployed state machine, and reads back what became of them."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from localcloud.demo.signals import CloudEnded
from localcloud.steps import Say
from operations.aws import session

POLL_SECONDS = 0.25

Notice = dict[str, Any]
"""What SNS put into a message: `Subject`, `Message` and others."""


class ExecutionFailedError(RuntimeError):
    """The execution of the state machine did not succeed."""


@dataclass(frozen=True)
class Outcome:
    """What the output of an execution says, held against the truth."""

    images: int
    accepted: int
    rejected: int
    errors: int
    accuracy: float | None
    """Share of pictures whose best class is right, among all that got a classification, accepted
    or rejected; None if none got one."""


def execute(arn: str, event: object, say: Say) -> dict[str, Any]:
    """Run one execution and return its description.

    Raises:
        ExecutionFailedError: it failed, was aborted or timed out; with the error and its cause.
    """
    stepfunctions = session().client("stepfunctions")
    started = time.monotonic()
    execution = stepfunctions.start_execution(stateMachineArn=arn, input=json.dumps(event))[
        "executionArn"
    ]
    while True:
        state = dict(stepfunctions.describe_execution(executionArn=execution))
        if state["status"] != "RUNNING":
            break
        say(f"{time.monotonic() - started:.0f} s")
        time.sleep(POLL_SECONDS)
    if state["status"] != "SUCCEEDED":
        raise ExecutionFailedError(
            f"execution {execution} is {state['status']}: "
            f"{state.get('error', 'no error name')}: {state.get('cause', 'no cause')}"
        )
    return state


def judge(output: Mapping[str, Any], truth: Mapping[str, str]) -> Outcome:
    """Counts and accuracy; `truth` is the class name by key of the picture."""
    counts = output["counts"]
    right = [
        result["body"]["label"] == truth[result["body"]["s3_key"]]
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


@contextmanager
def listening(topic_arn: str, queue_name: str) -> Iterator[Callable[[], list[Notice]]]:
    """Subscribe a new queue to the topic; yield a function that returns what has arrived since.

    The queue and its subscription are gone at the end of the block.
    """
    sqs, sns = session().client("sqs"), session().client("sns")
    with ExitStack() as removal:
        try:
            url = sqs.create_queue(QueueName=queue_name)["QueueUrl"]
            removal.callback(sqs.delete_queue, QueueUrl=url)
            attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
            queue_arn = attributes["Attributes"]["QueueArn"]
            sqs.set_queue_attributes(
                QueueUrl=url, Attributes={"Policy": json.dumps(_policy(queue_arn, topic_arn))}
            )
            subscription = sns.subscribe(
                TopicArn=topic_arn, Protocol="sqs", Endpoint=queue_arn, ReturnSubscriptionArn=True
            )["SubscriptionArn"]
            removal.callback(sns.unsubscribe, SubscriptionArn=subscription)
            yield lambda: _receive(sqs, url)
        except CloudEnded:
            removal.pop_all()  # both are gone, and each call would try again for seconds
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


def _policy(queue_arn: str, topic_arn: str) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": queue_arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
            }
        ],
    }
