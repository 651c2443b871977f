"""Subscriptions, topics, and the notices in addition to an execution's message."""

from typing import Any

import pytest
from aws_cdk.assertions import Template

from stacks.constructs.common.operational_alarm import SHOWN_ONLY
from tests.infrastructure.synthesis import states
from tests.infrastructure.templates import VARIED, templates_with

QUEUE = "arn:aws:sqs:us-east-1:111122223333:rejected"
FIFO: dict[str, Any] = {"topic": "fifo", "sqs": [f"{QUEUE}.fifo", QUEUE]}


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


def test_every_kind_of_subscriber_can_be_named_any_number_of_times() -> None:
    template = workflow_with(
        emails=["a@example.com", "b@example.com"],
        sms=["+491701234567", "+12065550100"],
        https=["https://example.com/in?from=sns"],
        sqs=[QUEUE, "arn:aws:sqs:eu-west-1:111122223333:rejected"],
    )

    assert subscriptions(template) == [
        ("email", "a@example.com"),
        ("email", "b@example.com"),
        ("sms", "+491701234567"),
        ("sms", "+12065550100"),
        ("https", "https://example.com/in?from=sns"),
        ("sqs", QUEUE),
        ("sqs", "arn:aws:sqs:eu-west-1:111122223333:rejected"),
    ]
    assert "FifoTopic" not in topic_of(template)
    assert "MessageGroupId" not in states(template)["Notify"]["Arguments"]


@pytest.mark.parametrize("notice", ["", "NoticeOfDeadExecution", "NoticeOfAlarm"])
def test_only_with_phones_the_message_differs_by_protocol(notice: str) -> None:
    name = "Tell" if notice else "Notify"
    without = states(workflow_with(), notice=notice)[name]["Arguments"]
    with_phones = states(templates_with(**VARIED)["Workflow"], notice=notice)[name]["Arguments"]

    assert "MessageStructure" not in without
    assert with_phones["MessageStructure"] == "json"
    assert '"default": $message, "sms": $substring($message' in with_phones["Message"]


@pytest.mark.parametrize("notice", ["", "NoticeOfDeadExecution", "NoticeOfAlarm"])
def test_a_message_is_sent_again_whatever_the_error(notice: str) -> None:
    (retry,) = states(workflow_with(), notice=notice)["Tell" if notice else "Notify"]["Retry"]

    assert retry["ErrorEquals"] == ["States.ALL"]
    # Before a notice's state machine runs out of time.
    waits = [
        retry["IntervalSeconds"] * retry["BackoffRate"] ** n for n in range(retry["MaxAttempts"])
    ]
    assert 30 <= sum(waits) <= 120
    assert retry["JitterStrategy"] == "FULL"


def test_a_fifo_topic_has_one_group_and_one_message_for_each_execution() -> None:
    template = workflow_with(**FIFO)

    assert subscriptions(template) == [("sqs", f"{QUEUE}.fifo"), ("sqs", QUEUE)]
    assert topic_of(template)["FifoTopic"] is True
    assert topic_of(template)["TopicName"].endswith(".fifo")
    arguments = states(template)["Notify"]["Arguments"]
    assert "$states.context.Execution.Id" in arguments["MessageGroupId"]
    assert arguments["MessageDeduplicationId"] == arguments["MessageGroupId"]


# --- executions that die, and alarms -------------------------------------------------------------


def pattern_of(template: Template, source: str) -> dict[str, Any]:
    (pattern,) = (
        rule["Properties"]["EventPattern"]
        for rule in template.find_resources("AWS::Events::Rule").values()
        if rule["Properties"]["EventPattern"]["source"] == [source]
    )
    found: dict[str, Any] = pattern
    return found


def test_an_execution_that_has_sent_its_message_is_not_told_of_again() -> None:
    template = templates_with(**VARIED)["Workflow"]
    by_name = states(template)
    notified = by_name[by_name["Notify"]["Next"]]["Error"]

    detail = pattern_of(template, "aws.states")["detail"]

    (machine,) = detail["stateMachineArn"]
    assert machine["Ref"].startswith("ClassificationStateMachine")
    assert detail["$or"] == [
        {"status": ["TIMED_OUT", "ABORTED"]},
        {"status": ["FAILED"], "error": [{"anything-but": notified}]},
    ]


def test_alarms_of_the_own_environment_are_told_of_unless_executions_tell() -> None:
    templates = templates_with()

    assert pattern_of(templates["Workflow"], "aws.cloudwatch")["detail"] == {
        "alarmName": [{"prefix": "Scones-test-"}],
        "state": {"value": ["ALARM"]},
        "configuration": {
            "description": [{"exists": False}, {"anything-but": {"prefix": SHOWN_ONLY}}]
        },
    }
    alarms = templates["Training"].find_resources("AWS::CloudWatch::Alarm").values()
    assert {alarm["Properties"]["MetricName"] for alarm in alarms} == {"Errors"}
    watched = sorted(
        alarm["Properties"]["Dimensions"][0]["Value"]["Ref"].removeprefix("TrainingJob")[:7]
        for alarm in alarms
    )
    assert watched == ["IsCompl", "OnEvent"]


@pytest.mark.parametrize("notice", ["NoticeOfDeadExecution", "NoticeOfAlarm"])
def test_a_notice_goes_to_the_fifo_topic_once_too(notice: str) -> None:
    template = workflow_with(**FIFO)

    arguments = states(template, notice=notice)["Tell"]["Arguments"]

    assert arguments["MessageDeduplicationId"] == arguments["MessageGroupId"]
    assert "$states.input." in arguments["MessageGroupId"]


def test_the_topic_is_not_exported() -> None:
    # Another kind of topic is another topic, and CloudFormation refuses to change an export that
    # another stack imports.
    template = workflow_with()
    (topic,) = template.find_resources("AWS::SNS::Topic")

    exports = [output for output in template.find_outputs("*").values() if "Export" in output]

    assert exports
    assert {"Ref": topic} not in [output["Value"] for output in exports]
