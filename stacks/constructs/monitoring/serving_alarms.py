"""Alarms on errors and latency of the endpoint in operation."""

from constructs import Construct

from settings import Settings
from stacks.constructs.common.operational_alarm import OperationalAlarm
from stacks.constructs.inference import MICROSECONDS, EndpointMetrics

# One slow or failed minute is a cold start or a passing fault of the service, and is retried.
FAULTY_MINUTES, OF_MINUTES = 3, 5
FOR_MINUTES = f"in {FAULTY_MINUTES} of {OF_MINUTES} minutes"


class ServingAlarms(Construct):
    """Watches all calls of the endpoint; UpdateAlarms watch the new instances of an update."""

    def __init__(self, scope: Construct, settings: Settings) -> None:
        super().__init__(scope, "Endpoint")
        self._endpoint = f"the endpoint {settings.endpoint_name}"
        self._metrics = EndpointMetrics(settings)
        percent, limit_ms = (
            settings.monitoring.max_error_percent,
            settings.monitoring.max_latency_ms,
        )
        self.alarms = [
            self._errors(
                "5XX",
                percent,
                "The model or SageMaker failed. Look at the log group "
                f"/aws/sagemaker/Endpoints/{settings.endpoint_name} and at the instances on the "
                "dashboard. If it began with a deployment, deploy the previous model.",
            ),
            self._errors(
                "4XX",
                percent,
                "The model refused requests. The results of the latest executions have the "
                "reasons; pictures that are broken or not PNG or JPEG are for the sender to fix.",
            ),
            self._latency(
                "ModelLatency",
                limit_ms,
                "The model is slow. Look at load and instances on the dashboard; [endpoint] in the "
                "settings has larger or more instances, and autoscaling.",
            ),
            self._latency(
                "OverheadLatency",
                limit_ms,
                "SageMaker is slow around the model. Look at the AWS Health Dashboard; large "
                "pictures and bursts after a quiet time also take longer.",
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
            description=f"More than {percent:g}% of the replies of {self._endpoint} were {kind} "
            f"errors {FOR_MINUTES}. {advice}",
        )

    def _latency(self, metric: str, limit_ms: int, advice: str) -> OperationalAlarm:
        return OperationalAlarm(
            self,
            metric,
            metric=self._metrics.of_calls(metric, "p90"),
            above=limit_ms * MICROSECONDS,
            periods=FAULTY_MINUTES,
            of_periods=OF_MINUTES,
            description=f"{metric} of one in ten replies of {self._endpoint} was above {limit_ms} "
            f"ms {FOR_MINUTES}. {advice}",
        )
