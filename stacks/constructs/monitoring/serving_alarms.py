"""Alarms on errors and latency of the endpoint in operation."""

from constructs import Construct

from settings import Settings
from stacks.constructs.common.operational_alarm import OperationalAlarm
from stacks.constructs.inference import MICROSECONDS, EndpointMetrics

# One slow or failed minute is a cold start or a passing fault of the service, and is retried.
FAULTY_MINUTES, OF_MINUTES = 3, 5


class ServingAlarms(Construct):
    """Watches all calls of the endpoint; those on a new model during an update are others."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        super().__init__(scope, construct_id)
        self._name = settings.endpoint_name
        self._metrics = EndpointMetrics(settings)
        monitoring = settings.monitoring
        self.alarms = [
            self._errors(
                "5XX",
                monitoring.max_error_percent,
                f"The model or SageMaker failed. Look at the log group "
                f"/aws/sagemaker/Endpoints/{self._name}, and at the instances on the dashboard. "
                "If it began with a deployment, deploy the model before it.",
            ),
            self._errors(
                "4XX",
                monitoring.max_error_percent,
                "The model refused what was sent. Look at the reasons in the results of the "
                "latest executions: pictures that are broken or no PNG or JPEG are their sender's "
                "to mend.",
            ),
            self._latency(
                "ModelLatency",
                monitoring.max_latency_ms,
                "The model is slow. Look at load and instances on the dashboard; more or larger "
                "instances, or autoscaling, are settings of [endpoint].",
            ),
            self._latency(
                "OverheadLatency",
                monitoring.max_latency_ms,
                "SageMaker is slow before and after the model. Look at the AWS Health Dashboard; "
                "large pictures and bursts after a quiet time cost time, too.",
            ),
        ]

    def _errors(self, kind: str, percent: float, advice: str) -> OperationalAlarm:
        return OperationalAlarm(
            self,
            f"Errors{kind}",
            # The average of a metric that is 1 for an error and 0 for any other reply.
            metric=self._metrics.of_calls(f"Invocation{kind}Errors", "Average"),
            above=percent / 100,
            periods=FAULTY_MINUTES,
            of_periods=OF_MINUTES,
            description=f"More than {percent:g}% of the replies of the endpoint {self._name} were "
            f"{kind} errors in {FAULTY_MINUTES} of {OF_MINUTES} minutes. {advice}",
        )

    def _latency(self, metric: str, limit_ms: int, advice: str) -> OperationalAlarm:
        return OperationalAlarm(
            self,
            metric,
            metric=self._metrics.of_calls(metric, "p90"),
            above=limit_ms * MICROSECONDS,
            periods=FAULTY_MINUTES,
            of_periods=OF_MINUTES,
            description=f"{metric} of one of ten replies of the endpoint {self._name} was above "
            f"{limit_ms} ms in {FAULTY_MINUTES} of {OF_MINUTES} minutes. {advice}",
        )
