"""Checks of who is notified of rejected and failed pictures, dead executions and alarms."""

from collections.abc import Iterator

from operations.preflight.clients import Aws
from operations.preflight.findings import Finding, Verdict, ok, problem
from settings import Settings

STACK = "Workflow"
TOPIC_OUTPUT = "TopicArn"
PENDING = "PendingConfirmation"
DELETED = "Deleted"  # SNS lists those who unsubscribed for some more days

# Where SNS leaves the link that confirms:
# https://docs.aws.amazon.com/sns/latest/dg/SendMessageToHttp.prepare.html and, for the queue of
# another account, sns-send-message-to-sqs-cross-account.html beside it.
LINK_BY_PROTOCOL = {
    "email": "the link is in the e-mail from SNS",
    "https": "the link is the SubscribeURL in what SNS posted to it",
    "sqs": "the link is the SubscribeURL in the message that waits in the queue",
}

VERIFIED = "Verified"
SPEND_LIMIT = "MonthlySpendLimit"
LOW_SPEND_LIMIT = 1.0  # USD a month: the limit of a new account, a few dozen messages

Subscriber = tuple[str, str]
"""Protocol, in SNS's terms, and address."""


def notifications(aws: Aws, settings: Settings) -> Iterator[Finding]:
    """Check that there are subscribers, and that they have confirmed."""
    sections = settings.notifications
    wanted: list[Subscriber] = [
        (protocol, address)
        for protocol, addresses in (
            ("email", sections.emails),
            ("sms", sections.sms),
            ("https", sections.https),
            ("sqs", sections.sqs),
        )
        for address in addresses
    ]
    topic = topic_arn(aws, settings)
    subscriptions = _subscriptions(aws, topic) if topic else {}
    if not wanted and not subscriptions:
        yield Finding(
            Verdict.NOTE,
            "no address: rejected and failed pictures are reported to no one",
            f"notifications.emails in settings/{settings.environment}.toml",
        )
    if not topic:
        if wanted:
            addresses = ", ".join(address for _, address in wanted)
            yield ok(f"{addresses}: subscribed, and asked to confirm, at the first deployment")
        return
    pending = [each for each, state in subscriptions.items() if state == PENDING]
    for subscriber in pending:
        how = _how_to_confirm(subscriber, topic)
        yield problem(f"{subscriber[1]} has not confirmed", how)
    if confirmed := len(subscriptions) - len(pending):
        yield ok(f"{confirmed} confirmed")
    for subscriber in wanted:
        if subscriber not in subscriptions:
            # SNS drops unconfirmed subscriptions after 48 hours, and CloudFormation never notices:
            # https://docs.aws.amazon.com/sns/latest/dg/sns-delete-subscription-topic.html
            yield Finding(
                Verdict.NOTE,
                f"{subscriber[1]} is not subscribed; if the address is new, the next deployment "
                "does it",
                "else it has never confirmed, or unsubscribed; "
                + _how_to_confirm(subscriber, topic),
            )


def topic_arn(aws: Aws, settings: Settings) -> str | None:
    """Return the ARN of the topic; None before the first deployment."""
    return aws.stack_outputs(settings.stack_name(STACK)).get(TOPIC_OUTPUT)


def _subscriptions(aws: Aws, topic: str) -> dict[Subscriber, str]:
    """Return the ARN of each subscription, or `PENDING`, by subscriber."""
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
    return f"{LINK_BY_PROTOCOL[protocol]}; for another one: {subscribe}"


def sms(aws: Aws, settings: Settings) -> Iterator[Finding]:
    """Check that the account may send to each phone number, and for how much money.

    https://docs.aws.amazon.com/sns/latest/dg/sns-sms-sandbox.html and
    https://docs.aws.amazon.com/sns/latest/api/API_SetSMSAttributes.html
    """
    numbers = settings.notifications.sms
    if not numbers:
        yield ok("not needed: notifications.sms is empty")
        return
    refused = [*_unverified(aws, numbers), *_opted_out(aws, numbers)]
    yield from refused or [ok(f"SNS sends to {', '.join(numbers)}")]
    reply = aws.client("sns").get_sms_attributes(attributes=[SPEND_LIMIT])
    limit = reply["attributes"].get(SPEND_LIMIT)
    if limit is not None and float(limit) <= LOW_SPEND_LIMIT:
        yield Finding(
            Verdict.NOTE,
            f"SNS stops sending when a month's messages have cost {limit} USD",
            "a higher SMS spending limit, from AWS Support, then aws sns set-sms-attributes "
            f"--attributes {SPEND_LIMIT}=... --region {aws.region}",
        )


def _unverified(aws: Aws, numbers: tuple[str, ...]) -> Iterator[Finding]:
    sns = aws.client("sns")
    if not sns.get_sms_sandbox_account_status()["IsInSandbox"]:
        return
    pages = sns.get_paginator("list_sms_sandbox_phone_numbers").paginate()
    status = {
        number["PhoneNumber"]: number["Status"] for page in pages for number in page["PhoneNumbers"]
    }
    for number in numbers:
        if status.get(number) != VERIFIED:
            on_number = f"--phone-number {number} --region {aws.region}"
            yield problem(
                f"{number} is not verified, and the account is in the SMS sandbox of {aws.region}",
                f"aws sns create-sms-sandbox-phone-number {on_number}, then aws sns "
                f"verify-sms-sandbox-phone-number {on_number} --one-time-password CODE; or ask "
                "AWS Support to move the account out of the sandbox",
            )


def _opted_out(aws: Aws, numbers: tuple[str, ...]) -> Iterator[Finding]:
    pages = aws.client("sns").get_paginator("list_phone_numbers_opted_out").paginate()
    opted_out = {number for page in pages for number in page["phoneNumbers"]}
    for number in numbers:
        if number in opted_out:
            yield problem(
                f"{number} has opted out of messages of this account",
                "if its owner wants them, once in 30 days: aws sns opt-in-phone-number "
                f"--phone-number {number} --region {aws.region}",
            )
