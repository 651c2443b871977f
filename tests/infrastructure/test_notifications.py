"""Who is told, and of what: subscriptions, topics, and the notices besides the execution's own."""

import json
from typing import Any

import pytest
from aws_cdk.assertions import Template

from tests.infrastructure.synthesis import states
from tests.infrastructure.test_variants import templates_with

QUEUE = "arn:aws:sqs:us-east-1:111122223333:rejected"


def workflow_with(**notifications: Any) -> Template:
    return templates_with(notifications=notifications)["Workflow"]


def subscriptions(template: Template) -> list[tuple[str, str]]:
    return [
        (resource["Properties"]["Protocol"], resource["Properties"]["Endpoint"])
        for resource in template.find_resources("AWS::SNS::Subscription").values()
    ]


def topic_of(template: Template) -> dict[str, Any]:
    (topic,) = template.find_resources("AWS::SNS::Topic").values()
    properties: dict[str, Any] = topic["Properties"]
    return properties


@pytest.mark.parametrize(
    ("kind", "protocol", "addresses"),
    [
        ("emails", "email", ["a@example.com", "b@example.com"]),
        ("sms", "sms", ["+491701234567", "+12065550100"]),
        ("https", "https", ["https://example.com/in?from=sns"]),
        ("sqs", "sqs", [QUEUE, "arn:aws:sqs:eu-west-1:111122223333:rejected"]),
    ],
)
def test_every_kind_of_subscriber_can_be_named_any_number_of_times(
    kind: str, protocol: str, addresses: list[str]
) -> None:
    template = workflow_with(**{kind: addresses})

    assert subscriptions(template) == [(protocol, address) for address in addresses]
    assert "FifoTopic" not in topic_of(template)
    assert "MessageGroupId" not in states(template)["Notify"]["Arguments"]


@pytest.mark.parametrize("topic", ["standard", "fifo"])
def test_the_topic_is_encrypted_and_over_tls_only(topic: str) -> None:
    template = workflow_with(topic=topic)

    assert ":alias/aws/sns" in json.dumps(topic_of(template)["KmsMasterKeyId"])
    (policy,) = template.find_resources("AWS::SNS::TopicPolicy").values()
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_a_fifo_topic_has_one_group_and_one_message_for_each_execution() -> None:
    template = workflow_with(topic="fifo", sqs=[f"{QUEUE}.fifo", QUEUE])

    assert subscriptions(template) == [("sqs", f"{QUEUE}.fifo"), ("sqs", QUEUE)]
    assert topic_of(template)["FifoTopic"] is True
    assert topic_of(template)["TopicName"].endswith(".fifo")
    arguments = states(template)["Notify"]["Arguments"]
    assert "$states.context.Execution.Id" in arguments["MessageGroupId"]
    assert arguments["MessageDeduplicationId"] == arguments["MessageGroupId"]
