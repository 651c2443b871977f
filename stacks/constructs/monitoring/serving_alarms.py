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

    def __init__(self, scope: Construct, *, settings: Settings) -> None:
        super().__init__(scope, "Endpoint")
        name, metrics = settings.endpoint_name, EndpointMetrics(settings)
        percent = settings.monitoring.max_error_percent
        limit_ms = settings.monitoring.max_latency_ms
        errors = {
            "5XX": "The model or SageMaker failed. Look at the log group "
            f"/aws/sagemaker/Endpoints/{name} and at the instances on the dashboard. If it began "
            "with a deployment, deploy the previous model.",
            "4XX": "The model refused requests. The results of the latest executions have the "
            "reasons; pictures that are broken or not PNG or JPEG are for the sender to fix.",
        }
        latencies = {
            "ModelLatency": "The model is slow. Look at load and instances on the dashboard; "
            "[endpoint] in the settings has larger or more instances, and autoscaling.",
            "OverheadLatency": "SageMaker is slow around the model. Look at the AWS Health "
            "Dashboard; large pictures and bursts after a quiet time also take longer.",
        }
        self.alarms = [
            *(
                OperationalAlarm(
                    self,
                    f"Errors{kind}",
                    # The average of a metric that is 1 for an error and 0 for any other reply.
                    metric=metrics.of_calls(f"Invocation{kind}Errors", "Average"),
                    periods=FAULTY_MINUTES,
                    of_periods=OF_MINUTES,
                    above=percent / 100,
                    description=f"More than {percent:g}% of the replies of the endpoint {name} "
                    f"were {kind} errors {FOR_MINUTES}. {advice}",
                )
                for kind, advice in errors.items()
            ),
            *(
                OperationalAlarm(
                    self,
                    part,
                    metric=metrics.of_calls(part, "p90"),
                    periods=FAULTY_MINUTES,
                    of_periods=OF_MINUTES,
                    above=limit_ms * MICROSECONDS,
                    description=f"{part} of one in ten replies of the endpoint {name} was above "
                    f"{limit_ms} ms {FOR_MINUTES}. {advice}",
                )
                for part, advice in latencies.items()
            ),
        ]
