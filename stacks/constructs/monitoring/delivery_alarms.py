"""Alarms on events that were not delivered, so that no execution started that could report it.

Metrics: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html
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
    """Watches the start of batch transforms, and the notices."""

    def __init__(
        self,
        scope: Construct,
        *,
        settings: Settings,
        manifests: events.IRule,
        notices: Sequence[EventNotice],
    ) -> None:
        """`manifests` is the rule that starts a batch transform for each of them."""
        super().__init__(scope, "Undelivered")
        self.alarms = [
            OperationalAlarm(
                self,
                "Manifests",
                metric=undelivered(manifests),
                above=0,
                description=f"EventBridge gave up starting a batch transform of "
                f"{settings.environment} for a manifest that was put up to a day ago. Check what "
                "the rule's role may start, and the quotas of Step Functions. Then put every "
                f"object below {BATCH_INPUT.path}/ again whose key is in no execution's input.",
            ),
            OperationalAlarm(
                self,
                "Notices",
                metric=_failed(notices),
                above=0,
                description=f"A notice of {settings.environment} was not sent, so a dead execution "
                "or an alarm went unreported. Look at the failed executions of the state machines "
                "whose names contain NoticeOf, whose input says what they report, and at the topic "
                "and its key.",
            ),
        ]


def undelivered(rule: events.IRule) -> cloudwatch.Metric:
    """Return the events that EventBridge gave up delivering after a day; no data means none."""
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
        metrics[f"undelivered{number}"] = undelivered(notice.rule)
        metrics[f"failed{number}"] = notice.state_machine.metric_failed(statistic="Sum")
    return cloudwatch.MathExpression(
        expression="SUM(METRICS())",  # metrics without data count nothing
        using_metrics=metrics,
        period=PERIOD,
        label="Notices that were not sent",
    )
