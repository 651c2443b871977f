"""The alarms of an environment in operation."""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks.constructs.common.acknowledge import acknowledge

SHOWN_ONLY = "Shown only: executions report it. "
"""Begins the description of an alarm without a message; the rule recognizes it."""

PERIOD_MINUTES = 5
PERIOD = cdk.Duration.minutes(PERIOD_MINUTES)


class OperationalAlarm(cloudwatch.Alarm):
    """Fires above a threshold; time without data, such as a quiet night, is normal.

    It has no action: a rule of the workflow stack reports every alarm of the environment, with its
    description. An alarm on a fault that executions report is for the dashboard only.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        metric: cloudwatch.IMetric,
        above: float,
        periods: int = 1,
        of_periods: int | None = None,
        description: str,
        shown_only: bool = False,
    ) -> None:
        """Fire when `periods` of the last `of_periods` (default: all of them) are above `above`.

        `description` is the message: what happened, where to look and what to do.
        """
        super().__init__(
            scope,
            construct_id,
            metric=metric,
            threshold=above,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=of_periods or periods,
            datapoints_to_alarm=periods,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=f"{SHOWN_ONLY if shown_only else ''}{description}",
        )
        self.shown_only = shown_only
        acknowledge(
            self,
            "NIST.800.53.R5-CloudWatchAlarmAction",
            reason="Executions report the fault; the alarm is for the dashboard."
            if shown_only
            else "A rule of the workflow stack reports it.",
        )


def any_error(
    scope: Construct,
    construct_id: str,
    *,
    function: lambda_.IFunction,
    description: str,
    shown_only: bool = False,
) -> OperationalAlarm:
    """Fire when a call of the function failed within five minutes."""
    return OperationalAlarm(
        scope,
        construct_id,
        metric=function.metric_errors(period=PERIOD, statistic="Sum"),
        above=0,
        description=description,
        shown_only=shown_only,
    )
