"""An alarm on something in operation."""

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from stacks.constructs.common.acknowledge import acknowledge


class OperationalAlarm(cloudwatch.Alarm):
    """Rises above a threshold; time without data, as a quiet night, is in order.

    It has no action: a rule of the workflow stack tells of every alarm of the environment, with
    this description.
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
    ) -> None:
        """Rises when `periods` of the last `of_periods` (default: all of them) are above `above`.

        `description` says what happened, where to look and what to do: it is the message.
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
            alarm_description=description,
        )
        acknowledge(
            self,
            "NIST.800.53.R5-CloudWatchAlarmAction",
            reason="A rule of the workflow stack tells of every alarm of the environment.",
        )
