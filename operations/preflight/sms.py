"""The phone numbers that are to be told: SNS does not send to all of them."""

from collections.abc import Iterator

from operations.preflight.clients import Aws
from operations.preflight.findings import Finding, Verdict
from settings import Settings

VERIFIED = "Verified"
SPEND_LIMIT = "MonthlySpendLimit"
LOW_SPEND_LIMIT = 1.0  # USD a month: what a new account has, a few dozen messages


def sms(aws: Aws, settings: Settings) -> Iterator[Finding]:
    """The account may send, to each number, for some money.

    https://docs.aws.amazon.com/sns/latest/dg/sns-sms-sandbox.html and
    https://docs.aws.amazon.com/sns/latest/api/API_SetSMSAttributes.html
    """
    numbers = settings.notifications.sms
    if not numbers:
        yield Finding(Verdict.OK, "not needed: notifications.sms is empty")
        return
    refused = [*_unverified(aws, numbers), *_opted_out(aws, numbers)]
    yield from refused
    if not refused:
        yield Finding(Verdict.OK, f"SNS sends to {', '.join(numbers)}")
    yield from _spend_limit(aws)


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
            yield Finding(
                Verdict.PROBLEM,
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
            yield Finding(
                Verdict.PROBLEM,
                f"{number} has opted out of messages of this account",
                "if its owner wants them, once in 30 days: aws sns opt-in-phone-number "
                f"--phone-number {number} --region {aws.region}",
            )


def _spend_limit(aws: Aws) -> Iterator[Finding]:
    reply = aws.client("sns").get_sms_attributes(attributes=[SPEND_LIMIT])
    limit = reply["attributes"].get(SPEND_LIMIT)
    if limit is not None and float(limit) <= LOW_SPEND_LIMIT:
        yield Finding(
            Verdict.NOTE,
            f"SNS stops sending when a month's messages have cost {limit} USD",
            "a higher SMS spending limit, from AWS Support, then aws sns set-sms-attributes "
            f"--attributes {SPEND_LIMIT}=... --region {aws.region}",
        )
