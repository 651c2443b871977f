"""A message for each execution that died before it could send its own."""

from collections.abc import Sequence

from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from settings import Settings
from stacks.constructs.notifications.event_notice import EventNotice
from stacks.constructs.notifications.topic_publisher import TopicPublisher
from stacks.constructs.workflow import workflow_expressions as expressions

# Ends an execution that has sent its message already.
NOTIFIED_ERROR = "ImagesRejected"


class DeadExecutionNotice(EventNotice):
    """Tells of what nothing inside a state machine can tell of.

    No Catch sees a timeout, a stop, or States.Runtime, and Choice, Pass and Fail have no Catch.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        publisher: TopicPublisher,
        state_machines: Sequence[sfn.IStateMachine],
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            settings=settings,
            publisher=publisher,
            source="aws.states",
            detail_type="Step Functions Execution Status Change",
            detail={
                "stateMachineArn": [each.state_machine_arn for each in state_machines],
                "$or": [
                    {"status": ["TIMED_OUT", "ABORTED"]},
                    {"status": ["FAILED"], "error": [{"anything-but": NOTIFIED_ERROR}]},
                ],
            },
            subject=expressions.dead_execution_subject(settings.environment),
            message=expressions.DEAD_EXECUTION_MESSAGE,
            about=expressions.DEAD_EXECUTION,
        )
