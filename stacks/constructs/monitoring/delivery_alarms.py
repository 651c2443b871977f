"""Alarms on events that did not arrive: no execution began that could tell of it.

Names of the metrics: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html
"""

from collections.abc import Sequence

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from constructs import Construct

from settings import Settings
from stacks.constructs.common.operational_alarm import PERIOD, OperationalAlarm
from stacks.constructs.notifications import EventNotice
from stacks.s3_layout import BATCH_INPUT


class DeliveryAlarms(Construct):
    """Watches the start of batch transforms, and the notices themselves."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        manifests: events.IRule,
        notices: Sequence[EventNotice],
    ) -> None:
        """`manifests` is the rule that starts a batch transform for each of them."""
        super().__init__(scope, construct_id)
        self.alarms = [
            OperationalAlarm(
                self,
                "Manifests",
                metric=undelivered(manifests),
                above=0,
                description=(
                    f"EventBridge gave up starting a batch transform of {settings.environment}: a "
                    "manifest was put, up to a day ago, and nothing became of it. Look at what "
                    "the rule's role may start, and at the quotas of Step Functions; then put "
                    f"again each object below {BATCH_INPUT.path}/ whose key no "
                    "execution has in its input."
                ),
            ),
            OperationalAlarm(
                self,
                "Notices",
                metric=_failed(notices),
                above=0,
                description=(
                    f"A notice of {settings.environment} was not sent: somebody does not know of "
                    "an execution that died, or of an alarm. Look at the failed executions of "
                    "the state machines whose names contain NoticeOf, and at the topic and its "
                    "key; the input of each says what it was about."
                ),
            ),
        ]


def undelivered(rule: events.IRule) -> cloudwatch.Metric:
    """Events that EventBridge gave up delivering; it tries for a day. No data if there are none."""
    return cloudwatch.Metric(
        namespace="AWS/Events",
        metric_name="FailedInvocations",
        dimensions_map={"RuleName": rule.rule_name},
        statistic="Sum",
        period=PERIOD,
    )


def _failed(notices: Sequence[EventNotice]) -> cloudwatch.MathExpression:
    metrics: dict[str, cloudwatch.IMetric] = {}
    for number, notice in enumerate(notices):
        machine = notice.state_machine
        metrics[f"undelivered{number}"] = undelivered(notice.rule)
        metrics[f"failed{number}"] = machine.metric_failed(statistic="Sum")
    return cloudwatch.MathExpression(
        # What has no data in a period counts nothing.
        expression="SUM(METRICS())",
        using_metrics=metrics,
        period=PERIOD,
        label="Notices that were not sent",
    )
