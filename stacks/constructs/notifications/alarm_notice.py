"""A message for each alarm that rises, unless executions tell of the same fault."""

from constructs import Construct

from settings import Settings
from stacks.constructs.common.operational_alarm import SHOWN_ONLY
from stacks.constructs.notifications.event_notice import EventNotice
from stacks.constructs.notifications.topic_publisher import TopicPublisher
from stacks.constructs.workflow import workflow_expressions as expressions


class AlarmNotice(EventNotice):
    """Tells of the environment's alarms, whichever stack they are in.

    By name: CloudFormation begins an alarm's with its stack's. Not as actions of the alarms:
    CloudWatch has no right to the key alias/aws/sns, and Training is deployed before the topic.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        publisher: TopicPublisher,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            settings=settings,
            publisher=publisher,
            source="aws.cloudwatch",
            detail_type="CloudWatch Alarm State Change",
            detail={
                "alarmName": [{"prefix": settings.stack_name("")}],
                "state": {"value": ["ALARM"]},
                "configuration": {
                    "description": [{"exists": False}, {"anything-but": {"prefix": SHOWN_ONLY}}]
                },
            },
            subject=expressions.alarm_subject(settings.environment),
            message=expressions.ALARM_MESSAGE,
            about=expressions.ALARM,
        )
