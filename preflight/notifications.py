"""Who is told of rejected and failed pictures."""

from collections.abc import Iterator

from preflight.aws import Aws
from preflight.finding import Finding, Verdict
from settings import Settings

STACK = "Workflow"
TOPIC_OUTPUT = "TopicArn"
PENDING = "PendingConfirmation"


def notifications(aws: Aws, settings: Settings) -> Iterator[Finding]:
    """Somebody is told, and has confirmed."""
    addresses = settings.notifications.emails
    topic = aws.stack_outputs(settings.stack_name(STACK)).get(TOPIC_OUTPUT)
    subscriptions = _subscriptions(aws, topic) if topic else {}
    if not addresses and not subscriptions:
        yield Finding(
            Verdict.NOTE,
            "no address: nobody will be told of rejected and failed pictures",
            f"notifications.emails in settings/{settings.environment}.toml",
        )
    if not topic:
        if addresses:
            what = f"{', '.join(addresses)}: asked to confirm at the first deployment"
            yield Finding(Verdict.OK, what)
        return
    confirmed = 0
    for address, state in subscriptions.items():
        if state == PENDING:
            yield Finding(Verdict.PROBLEM, f"{address} has not confirmed", _ask_again(topic))
        else:
            confirmed += 1
    if confirmed:
        yield Finding(Verdict.OK, f"{confirmed} confirmed")
    for address in addresses:
        if address not in subscriptions:
            # SNS drops what nobody confirmed within 48 hours, and CloudFormation never notices:
            # https://docs.aws.amazon.com/sns/latest/dg/sns-delete-subscription-topic.html
            yield Finding(
                Verdict.NOTE,
                f"{address} is not subscribed; the next deployment does it, if the address is new",
                f"else it has never confirmed, or unsubscribed; {_ask_again(topic)}",
            )


def _subscriptions(aws: Aws, topic: str) -> dict[str, str]:
    """ARN of each subscription, or `PENDING`, by address."""
    pages = aws.client("sns").get_paginator("list_subscriptions_by_topic")
    return {
        subscription["Endpoint"]: subscription["SubscriptionArn"]
        for page in pages.paginate(TopicArn=topic)
        for subscription in page["Subscriptions"]
    }


def _ask_again(topic: str) -> str:
    return (
        "the link is in the e-mail of SNS; to be sent another one: aws sns subscribe "
        f"--topic-arn {topic} --protocol email --notification-endpoint ADDRESS"
    )
