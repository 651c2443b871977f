"""A queue that receives what a topic sends."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Messages = Callable[[int], list[dict[str, Any]]]
"""Returns the notices since the last call; takes how many are expected."""

LONGEST_WAIT_SECONDS = 20  # less than the 30 after which SQS hands out a message again
MORE_SECONDS = 0.3  # in which a message too many would come


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
        attributes = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])
        arn: str = attributes["Attributes"]["QueueArn"]
        return arn

    def receive(self, expected: int) -> list[dict[str, Any]]:
        """Return the messages of SQS in their order: as many as expected, and any that follow.

        A notice is sent after its execution has ended, so none is there at once.
        """
        received: list[dict[str, Any]] = []
        deadline = time.monotonic() + LONGEST_WAIT_SECONDS
        while len(received) < expected and time.monotonic() < deadline:
            received += self._batch(WaitTimeSeconds=1)
        time.sleep(MORE_SECONDS)
        return received + self._batch()

    def _batch(self, **options: int) -> list[dict[str, Any]]:
        answer = self.sqs.receive_message(
            QueueUrl=self.url, AttributeNames=["All"], MaxNumberOfMessages=10, **options
        )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def notices(self, expected: int) -> list[dict[str, Any]]:
        """Return what SNS put into the messages, such as `Subject` and `Message`."""
        return [json.loads(message["Body"]) for message in self.receive(expected)]
