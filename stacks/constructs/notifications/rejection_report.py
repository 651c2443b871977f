"""The end of an execution that has classified pictures: one message if any was not accepted."""

from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from settings import Settings
from stacks.constructs.notifications.dead_execution_notice import NOTIFIED_ERROR
from stacks.constructs.notifications.topic_publisher import TopicPublisher
from stacks.constructs.workflow import workflow_expressions as expressions


def report_rejections(
    scope: Construct, *, settings: Settings, publisher: TopicPublisher, message: str
) -> sfn.Choice:
    """Nothing to say, or one message, then the end that `workflow.on_rejection` names.

    Takes `counts` and `results` as `picture_results.RESULTS` makes them; `message` is one of
    `workflow_expressions.message`.
    """
    done = sfn.Succeed.jsonata(scope, "Done")
    notify = publisher.publish(
        scope,
        "Notify",
        subject=expressions.subject(settings.environment),
        message=message,
        about=expressions.THIS_EXECUTION,
    )
    if settings.workflow.on_rejection == "fail":
        end: sfn.IChainable = sfn.Fail.jsonata(
            scope, "Images rejected", error=NOTIFIED_ERROR, cause=expressions.MESSAGE_FOR_CAUSE
        )
    else:
        end = done
    return (
        sfn.Choice.jsonata(scope, "All accepted?")
        .when(sfn.Condition.jsonata(expressions.ALL_ACCEPTED), done)
        .otherwise(notify.next(end))
    )
