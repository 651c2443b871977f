"""A queue in which tests find what a topic sent."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Messages = Callable[[int], list[dict[str, Any]]]
"""Notices since the last call; takes how many are expected."""

LONGEST_WAIT_SECONDS = 20  # less than the 30 after which SQS gives out a message again


@dataclass(frozen=True)
class Inbox:
    """An SQS queue, empty so far."""

    sqs: Any
    url: str

    @classmethod
    def create(cls, sqs: Any, name: str, **attributes: str) -> "Inbox":
        """Create a queue that topics and rules of the account may send to."""
        services = ["events.amazonaws.com", "sns.amazonaws.com"]
        allow = {
            "Effect": "Allow",
            "Principal": {"Service": services},
            "Action": "sqs:SendMessage",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:SourceAccount": "000000000000"}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        queue = sqs.create_queue(QueueName=name, Attributes={**attributes, "Policy": policy})
        return cls(sqs, queue["QueueUrl"])

    @property
    def arn(self) -> str:
        """ARN of the queue."""
        attributes = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])
        arn: str = attributes["Attributes"]["QueueArn"]
        return arn

    def receive(self, expected: int) -> list[dict[str, Any]]:
        """The messages of SQS, in their order: as many as expected, and then what else comes.

        A notice is sent after its execution has ended, so that none is there at once.
        """
        received: list[dict[str, Any]] = []
        deadline = time.monotonic() + LONGEST_WAIT_SECONDS
        while True:
            batch = self.sqs.receive_message(
                QueueUrl=self.url,
                AttributeNames=["All"],
                MaxNumberOfMessages=10,
                WaitTimeSeconds=1,
            ).get("Messages", [])
            received += batch
            if not batch and (len(received) >= expected or time.monotonic() > deadline):
                return received

    def notices(self, expected: int) -> list[dict[str, Any]]:
        """What SNS put into the messages, `Subject` and `Message` among them."""
        return [json.loads(message["Body"]) for message in self.receive(expected)]
