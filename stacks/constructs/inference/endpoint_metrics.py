"""The metrics of SageMaker endpoints.

Names, units and statistics: https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html
"""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch

from settings import Settings

INVOCATIONS = "AWS/SageMaker"
INSTANCES = "/aws/sagemaker/Endpoints"

VARIANT = "AllTraffic"
PERIOD = cdk.Duration.minutes(1)
MICROSECONDS = 1000  # in a millisecond


class EndpointMetrics:
    """Metrics of the environment's endpoint, minute by minute."""

    def __init__(self, settings: Settings, **dimensions: str) -> None:
        """`dimensions` are further ones, by their names."""
        names = {"EndpointName": settings.endpoint_name, "VariantName": VARIANT}
        self._dimensions = {**names, **dimensions}

    def of_calls(self, name: str, statistic: str, *, label: str | None = None) -> cloudwatch.Metric:
        """Return `Invocations`, `Invocation5XXErrors`, `ModelLatency` (microseconds) etc."""
        return self._metric(INVOCATIONS, name, statistic, label)

    def of_instances(
        self, name: str, statistic: str, *, label: str | None = None
    ) -> cloudwatch.Metric:
        """Return `CPUUtilization` (100 percent for each core) etc."""
        return self._metric(INSTANCES, name, statistic, label)

    def latency_ms(self, name: str, percentile: float) -> cloudwatch.MathExpression:
        """Return a percentile of `ModelLatency` or `OverheadLatency` in milliseconds."""
        microseconds = self.of_calls(name, f"p{percentile:g}")
        return cloudwatch.MathExpression(
            # Two metrics of one widget cannot share an id.
            expression=f"p{percentile:g} / 1000",
            using_metrics={f"p{percentile:g}": microseconds},
            label=f"p{percentile:g}",
            period=PERIOD,
        )

    def instances(self) -> cloudwatch.MathExpression:
        """Return the serving instances; without calls there is no value.

        Each call counts as 1 in Invocations, and as 1 divided by the number of instances in
        InvocationsPerInstance.
        """
        return cloudwatch.MathExpression(
            expression="calls / calls_per_instance",
            using_metrics={
                "calls": self.of_calls("Invocations", "Sum"),
                "calls_per_instance": self.of_calls("InvocationsPerInstance", "Sum"),
            },
            label="Instances",
            period=PERIOD,
        )

    def _metric(
        self, namespace: str, name: str, statistic: str, label: str | None
    ) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=namespace,
            metric_name=name,
            dimensions_map=self._dimensions,
            statistic=statistic,
            period=PERIOD,
            label=label,
        )
