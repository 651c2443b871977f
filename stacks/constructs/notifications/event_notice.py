"""Notices: a message to the topic for each EventBridge event of a kind."""

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from settings import Settings
from stacks.constructs.common.operational_alarm import SHOWN_ONLY
from stacks.constructs.common.state_machine import JsonataStateMachine, start_by_event
from stacks.constructs.notifications.messages import NOTIFIED_ERROR, Message, of_alarm, of_death
from stacks.constructs.notifications.topic import TopicPublisher

TIMEOUT = cdk.Duration.minutes(5)


class EventNotice(Construct):
    """A rule, and a state machine whose only state sends the message.

    The topic is not the rule's target: EventBridge may not use the key alias/aws/sns, publishes to
    no FIFO topic from a rule, and cannot write a subject.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        publisher: TopicPublisher,
        message: Message,
        source: str,
        detail_type: str,
        detail: Mapping[str, object],
    ) -> None:
        """`detail` is the event pattern; the detail of an event is the message's input."""
        super().__init__(scope, construct_id)
        self.state_machine = JsonataStateMachine(
            self,
            "StateMachine",
            settings=settings,
            definition=publisher.publish(self, "Tell", message),
            timeout=TIMEOUT,
        )
        publisher.allow_key(self.state_machine)
        self.rule = start_by_event(
            self.state_machine,
            self,
            "Rule",
            source=source,
            detail_type=detail_type,
            detail=detail,
        )


def notice_of_dead_execution(
    scope: Construct,
    settings: Settings,
    publisher: TopicPublisher,
    state_machines: Sequence[sfn.IStateMachine],
) -> EventNotice:
    """Report executions that end before their own notification step.

    No Catch sees a timeout, a stop or States.Runtime, and Choice, Pass and Fail have no Catch.
    """
    return EventNotice(
        scope,
        "NoticeOfDeadExecution",
        settings=settings,
        publisher=publisher,
        message=of_death(settings.environment),
        source="aws.states",
        detail_type="Step Functions Execution Status Change",
        detail={
            "stateMachineArn": [each.state_machine_arn for each in state_machines],
            "$or": [
                {"status": ["TIMED_OUT", "ABORTED"]},
                {"status": ["FAILED"], "error": [{"anything-but": NOTIFIED_ERROR}]},
            ],
        },
    )


def notice_of_alarm(scope: Construct, settings: Settings, publisher: TopicPublisher) -> EventNotice:
    """Report every alarm of the environment that fires, unless executions report the same fault.

    Alarms are found by name, which CloudFormation begins with the stack's. They have no action:
    CloudWatch may not use the key alias/aws/sns, and Training is deployed before the topic.
    """
    return EventNotice(
        scope,
        "NoticeOfAlarm",
        settings=settings,
        publisher=publisher,
        message=of_alarm(settings.environment),
        source="aws.cloudwatch",
        detail_type="CloudWatch Alarm State Change",
        detail={
            "alarmName": [{"prefix": settings.stack_name("")}],
            "state": {"value": ["ALARM"]},
            "configuration": {
                "description": [{"exists": False}, {"anything-but": {"prefix": SHOWN_ONLY}}]
            },
        },
    )
