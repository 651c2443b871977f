"""Alarms that stop an update of an endpoint and bring the old instances back."""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from constructs import Construct

from settings.endpoint import ALARM_MINUTES, UpdatePolicy
from stacks.constructs.common.acknowledge import acknowledge
from stacks.constructs.common.grants import allow

MICROSECONDS = 1000  # in a millisecond
FAULTY_MINUTES = 2


class EndpointAlarms(Construct):
    """Watches the errors and the latency of the new instances, and of no others.

    The dimension EndpointConfigName tells new instances from old ones, so that a fault is not
    thinned out by the traffic that the old ones still serve, and faulty old ones do not stop the
    update that mends them:
    https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-configuration.html
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        policy: UpdatePolicy,
        endpoint_name: str,
        variant_name: str,
        config_name: str,
        role: iam.Role,
    ) -> None:
        """`role` is the model's, with which SageMaker reads the state of the alarms."""
        super().__init__(scope, construct_id)
        self._dimensions = {
            "EndpointName": endpoint_name,
            "VariantName": variant_name,
            "EndpointConfigName": config_name,
        }
        errors = self._alarm(
            "Errors",
            metric="Invocation5XXErrors",
            statistic="Average",
            threshold=policy.max_5xx_percent / 100,
            description=f"More than {policy.max_5xx_percent:g}% of the replies are errors",
        )
        latency = self._alarm(
            "Latency",
            metric="ModelLatency",
            statistic="p95",
            threshold=policy.max_latency_ms * MICROSECONDS,
            description=f"One of 20 replies takes more than {policy.max_latency_ms} ms",
        )
        self.names = [errors.alarm_name, latency.alarm_name]
        acknowledge(
            self,
            "NIST.800.53.R5-CloudWatchAlarmAction",
            reason="The update itself watches them, and a rule of the workflow stack tells of "
            "every alarm of the environment.",
        )
        allow(
            role,
            "cloudwatch:DescribeAlarms",
            on=cdk.Stack.of(self).format_arn(
                service="cloudwatch",
                resource="alarm",
                resource_name="*",
                arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
            ),
            why_wildcard="CloudWatch checks DescribeAlarms on alarm:*, whichever alarms it names.",
        )

    def _alarm(
        self, construct_id: str, *, metric: str, statistic: str, threshold: float, description: str
    ) -> cloudwatch.Alarm:
        return cloudwatch.Alarm(
            self,
            construct_id,
            metric=cloudwatch.Metric(
                namespace="AWS/SageMaker",
                metric_name=metric,
                dimensions_map=self._dimensions,
                statistic=statistic,
                period=cdk.Duration.minutes(1),
            ),
            threshold=threshold,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=ALARM_MINUTES,
            datapoints_to_alarm=FAULTY_MINUTES,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description=description,
        )
