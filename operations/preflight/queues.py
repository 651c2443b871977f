"""Check that the SQS queues exist, accept what the topic sends, and have a key SNS may use."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from operations.preflight.clients import NO_ANSWER, Aws, not_checked
from operations.preflight.findings import Finding, Verdict, ok, problem
from operations.preflight.notifications import topic_arn
from settings import Settings

SNS = "sns.amazonaws.com"
# Includes the principals of regions, which topics in opt-in regions need:
# https://docs.aws.amazon.com/sns/latest/dg/sns-cross-region-delivery.html
ANY_SNS = "sns.*amazonaws.com"
KEY_ACTIONS = ("kms:GenerateDataKey", "kms:Decrypt")


def queues(aws: Aws, settings: Settings) -> Iterator[Finding]:
    """Check that each queue accepts what the topic sends."""
    if not settings.notifications.sqs:
        yield ok("not needed: notifications.sqs is empty")
        return
    topic = topic_arn(aws, settings)
    for arn in settings.notifications.sqs:
        try:
            found = list(_queue(aws, arn, topic))
        except NO_ANSWER as error:
            found = [not_checked(error)]
        for finding in found or [ok("accepts messages from SNS")]:
            yield replace(finding, what=f"{arn}: {finding.what}")


def _queue(aws: Aws, arn: str, topic: str | None) -> Iterator[Finding]:
    """Yield what keeps a queue from getting messages of the topic, which may not exist yet."""
    *_, region, account, name = arn.split(":")
    sqs = aws.client("sqs", region=region)
    try:
        url = sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"]
    except sqs.exceptions.QueueDoesNotExist:
        # SQS also says so of queues of other accounts that hide them from us.
        if account != aws.client("sts").get_caller_identity()["Account"]:
            what = "belongs to another account, which denies access to it"
            yield Finding(Verdict.NOT_CHECKED, what, f"its owner can; {_remedy(arn, topic)}")
        else:
            yield problem("does not exist", "another ARN, or create it")
        return
    reply = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy", "KmsMasterKeyId"])
    attributes = reply.get("Attributes", {})
    if not lets(attributes.get("Policy"), "sqs:SendMessage", topic):
        # Before the first deployment there is no topic that its policy could name.
        verdict = Verdict.PROBLEM if topic else Verdict.NOTE
        yield Finding(verdict, "its policy does not let the topic send", _remedy(arn, topic))
    if key := attributes.get("KmsMasterKeyId"):
        yield from _key(aws, region, key, topic)


def _key(aws: Aws, region: str, key: str, topic: str | None) -> Iterator[Finding]:
    # https://docs.aws.amazon.com/sns/latest/dg/sns-enable-encryption-for-topic-sqs-queue-subscriptions.html
    remedy = (
        f"a customer key whose policy allows {' and '.join(KEY_ACTIONS)} to {SNS}, or the keys of "
        "SQS itself (SqsManagedSseEnabled)"
    )
    kms = aws.client("kms", region=region)
    described = kms.describe_key(KeyId=key)["KeyMetadata"]
    if described["KeyManager"] == "AWS":
        what = f"is encrypted with AWS's own key {key}, which SNS may not use"
        yield problem(what, remedy)
        return
    policy = kms.get_key_policy(KeyId=described["KeyId"])["Policy"]
    if not all(lets(policy, action, topic) for action in KEY_ACTIONS):
        what = f"the policy of its key {key} does not let SNS use it"
        yield problem(what, remedy)


def lets(policy: str | None, action: str, topic: str | None) -> bool:
    """Return whether a policy (JSON text) allows SNS the action, on behalf of the topic if any.

    Conditions other than aws:SourceArn, and Deny statements, are ignored.
    """
    statements = json.loads(policy or "{}").get("Statement", [])
    return any(
        statement["Effect"] == "Allow"
        and _is_to_sns(statement.get("Principal", {}))
        and _matches(action.lower(), (text.lower() for text in _texts(statement.get("Action"))))
        and all(topic is None or _matches(topic, arns) for arns in _source_arns(statement))
        for statement in (statements if isinstance(statements, list) else [statements])
    )


def _is_to_sns(principal: Any) -> bool:
    if isinstance(principal, str):
        return principal == "*"
    services, accounts = _texts(principal.get("Service")), _texts(principal.get("AWS"))
    return any(fnmatchcase(service, ANY_SNS) for service in services) or "*" in accounts


def _source_arns(statement: dict[str, Any]) -> Iterator[list[str]]:
    for values in statement.get("Condition", {}).values():
        for key, value in values.items():
            if key.lower() == "aws:sourcearn":
                yield _texts(value)


def _matches(text: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns)


def _texts(value: str | list[str] | None) -> list[str]:
    return [value] if isinstance(value, str) else value or []


def _remedy(arn: str, topic: str | None) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": SNS},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic or "TOPIC_ARN"}},
    }
    text = f"add to its policy: {json.dumps(statement)}"
    return text if topic else f"once the topic is deployed, {text}"
