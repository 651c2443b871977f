"""Who is told of rejected and failed pictures, of executions that died, and of alarms."""

from collections.abc import Iterator

from operations.preflight.clients import Aws
from operations.preflight.findings import Finding, Verdict
from settings import Settings

STACK = "Workflow"
TOPIC_OUTPUT = "TopicArn"
PENDING = "PendingConfirmation"
DELETED = "Deleted"  # SNS goes on listing for some days who unsubscribed

# Where SNS leaves the link that confirms:
# https://docs.aws.amazon.com/sns/latest/dg/SendMessageToHttp.prepare.html and, for the queue of
# another account, sns-send-message-to-sqs-cross-account.html beside it.
LINK_BY_PROTOCOL = {
    "email": "the link is in the e-mail of SNS",
    "https": "the link is the SubscribeURL in what SNS posted to it",
    "sqs": "the link is the SubscribeURL in the message that waits in the queue",
}

Subscriber = tuple[str, str]
"""Protocol, as SNS calls it, and address."""


def notifications(aws: Aws, settings: Settings) -> Iterator[Finding]:
    """Somebody is told, and has confirmed."""
    wanted = _wanted(settings)
    topic = topic_arn(aws, settings)
    subscriptions = _subscriptions(aws, topic) if topic else {}
    if not wanted and not subscriptions:
        yield Finding(
            Verdict.NOTE,
            "no address: nobody will be told of rejected and failed pictures",
            f"notifications.emails in settings/{settings.environment}.toml",
        )
    if not topic:
        if wanted:
            addresses = ", ".join(address for _, address in wanted)
            what = f"{addresses}: subscribed, and asked to confirm, at the first deployment"
            yield Finding(Verdict.OK, what)
        return
    confirmed = 0
    for subscriber, state in subscriptions.items():
        if state == PENDING:
            what = f"{subscriber[1]} has not confirmed"
            yield Finding(Verdict.PROBLEM, what, _how_to_confirm(subscriber, topic))
        else:
            confirmed += 1
    if confirmed:
        yield Finding(Verdict.OK, f"{confirmed} confirmed")
    for subscriber in wanted:
        if subscriber not in subscriptions:
            # SNS drops what nobody confirmed within 48 hours, and CloudFormation never notices:
            # https://docs.aws.amazon.com/sns/latest/dg/sns-delete-subscription-topic.html
            yield Finding(
                Verdict.NOTE,
                f"{subscriber[1]} is not subscribed; the next deployment does it, if the address "
                "is new",
                "else it has never confirmed, or unsubscribed; "
                + _how_to_confirm(subscriber, topic),
            )


def topic_arn(aws: Aws, settings: Settings) -> str | None:
    """ARN of the topic; None before the first deployment."""
    return aws.stack_outputs(settings.stack_name(STACK)).get(TOPIC_OUTPUT)


def _wanted(settings: Settings) -> list[Subscriber]:
    wanted = settings.notifications
    return [
        (protocol, address)
        for protocol, addresses in (
            ("email", wanted.emails),
            ("sms", wanted.sms),
            ("https", wanted.https),
            ("sqs", wanted.sqs),
        )
        for address in addresses
    ]


def _subscriptions(aws: Aws, topic: str) -> dict[Subscriber, str]:
    """ARN of each subscription, or `PENDING`, by subscriber."""
    pages = aws.client("sns").get_paginator("list_subscriptions_by_topic")
    return {
        (subscription["Protocol"], subscription["Endpoint"]): subscription["SubscriptionArn"]
        for page in pages.paginate(TopicArn=topic)
        for subscription in page["Subscriptions"]
        if subscription["SubscriptionArn"] != DELETED
    }


def _how_to_confirm(subscriber: Subscriber, topic: str) -> str:
    protocol, address = subscriber
    subscribe = (
        f"aws sns subscribe --topic-arn {topic} --protocol {protocol} "
        f"--notification-endpoint {address}"
    )
    if protocol not in LINK_BY_PROTOCOL:
        return f"to subscribe it again: {subscribe}"
    return f"{LINK_BY_PROTOCOL[protocol]}; to be sent another one: {subscribe}"
