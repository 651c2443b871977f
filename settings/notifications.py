"""Subscribers of the notifications."""

from collections import Counter
from typing import Annotated, Literal

from pydantic import Field, model_validator

from settings.section import Section, Written

# No two neighbours of these patterns match the same text, so that the time of a refusal grows with
# the length of the address, not with its square.
EmailAddress = Annotated[str, Written(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+", '"name@example.com"')]
PhoneNumber = Annotated[
    str, Written(r"\+[1-9][0-9]{6,14}", '+, country code and number, digits only: "+12025550123"')
]
HttpsUrl = Annotated[str, Written(r"https://[^\s/?#]\S*", '"https://..."')]
QueueArn = Annotated[
    str,
    Written(
        r"arn:aws(-[a-z]+)*:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,80}(\.fifo)?",
        '"arn:aws:sqs:<region>:<account>:<queue>"',
    ),
]


class Notifications(Section):
    """Who is notified of rejected and failed pictures, dead executions, and alarms."""

    topic: Literal["standard", "fifo"] = "standard"
    """A FIFO topic takes SQS queues only; each execution is a message group."""
    emails: Annotated[tuple[EmailAddress, ...], Field(strict=False)] = ()
    """E-mail addresses; SNS asks each to confirm."""
    sms: Annotated[tuple[PhoneNumber, ...], Field(strict=False)] = ()
    """Phone numbers in E.164 format: + and country code, digits only."""
    https: Annotated[tuple[HttpsUrl, ...], Field(strict=False)] = ()
    """URLs that SNS posts to; SNS asks each to confirm."""
    sqs: Annotated[tuple[QueueArn, ...], Field(strict=False)] = ()
    """ARNs of queues; the policy of each must allow the topic to send (docs/notifications.md)."""

    @model_validator(mode="after")
    def _each_once(self) -> "Notifications":
        for name in ("emails", "sms", "https", "sqs"):
            addresses = Counter(getattr(self, name))
            twice = [address for address, times in addresses.items() if times > 1]
            if twice:
                raise ValueError(
                    f"notifications.{name}: duplicate {', '.join(sorted(twice))}; "
                    "name each subscriber once"
                )
        return self

    @model_validator(mode="after")
    def _topic_takes_them(self) -> "Notifications":
        # https://docs.aws.amazon.com/sns/latest/dg/sns-fifo-topics.html
        if self.topic == "fifo":
            for name in ("emails", "sms", "https"):
                if addresses := getattr(self, name):
                    raise ValueError(
                        f"notifications.{name}: a FIFO topic takes SQS queues only; remove "
                        f"{', '.join(addresses)}, or set notifications.topic to 'standard'"
                    )
        elif fifo_queues := [arn for arn in self.sqs if arn.endswith(".fifo")]:
            raise ValueError(
                f"notifications.sqs: {', '.join(fifo_queues)}: a standard topic takes no FIFO "
                "queue; name a standard queue, or set notifications.topic to 'fifo'"
            )
        return self
