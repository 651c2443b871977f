"""Define how the endpoint moves to another model, and the alarms that roll it back."""

from aws_cdk import aws_iam as iam
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from settings import Settings
from settings.endpoint import ALARM_MINUTES, UpdatePolicy
from stacks.constructs.common.grants import allow, arn
from stacks.constructs.common.operational_alarm import OperationalAlarm
from stacks.constructs.inference.endpoint_metrics import MICROSECONDS, EndpointMetrics

FAULTY_MINUTES = 2


class UpdateAlarms(Construct):
    """Watches the errors and the latency of the new instances only.

    The dimension EndpointConfigName separates new instances from old ones: traffic on the old ones
    does not dilute a fault of the new, and faulty old ones do not stop the update that fixes them:
    https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-configuration.html
    """

    def __init__(
        self, scope: Construct, *, settings: Settings, config_name: str, role: iam.Role
    ) -> None:
        """`role` is the model's, with which SageMaker reads the state of the alarms."""
        super().__init__(scope, "Alarms")
        metrics = EndpointMetrics(settings, EndpointConfigName=config_name)
        policy = settings.endpoint.update_policy
        errors = OperationalAlarm(
            self,
            "Errors",
            metric=metrics.of_calls("Invocation5XXErrors", "Average"),
            periods=FAULTY_MINUTES,
            of_periods=ALARM_MINUTES,
            above=policy.max_5xx_percent / 100,
            description=f"More than {policy.max_5xx_percent:g}% of the replies are errors",
        )
        latency = OperationalAlarm(
            self,
            "Latency",
            metric=metrics.of_calls("ModelLatency", "p95"),
            periods=FAULTY_MINUTES,
            of_periods=ALARM_MINUTES,
            above=policy.max_latency_ms * MICROSECONDS,
            description=f"One of 20 replies takes more than {policy.max_latency_ms} ms",
        )
        self.names = [errors.alarm_name, latency.alarm_name]
        allow(
            role,
            "cloudwatch:DescribeAlarms",
            on=arn(self, "cloudwatch", "alarm:*"),
            why_wildcard="CloudWatch checks DescribeAlarms on alarm:*, whichever alarms it names.",
        )


def deployment_config(
    policy: UpdatePolicy, alarms: UpdateAlarms
) -> sagemaker.CfnEndpoint.DeploymentConfigProperty:
    """Return a blue/green deployment that shifts traffic by `policy` and rolls back on alarms."""
    return sagemaker.CfnEndpoint.DeploymentConfigProperty(
        blue_green_update_policy=sagemaker.CfnEndpoint.BlueGreenUpdatePolicyProperty(
            traffic_routing_configuration=_routing(policy),
            termination_wait_in_seconds=policy.termination_wait_seconds,
            maximum_execution_timeout_in_seconds=policy.max_execution_seconds,
        ),
        auto_rollback_configuration=sagemaker.CfnEndpoint.AutoRollbackConfigProperty(
            alarms=[sagemaker.CfnEndpoint.AlarmProperty(alarm_name=name) for name in alarms.names]
        ),
    )


def _routing(policy: UpdatePolicy) -> sagemaker.CfnEndpoint.TrafficRoutingConfigProperty:
    if policy.type == "canary":
        return sagemaker.CfnEndpoint.TrafficRoutingConfigProperty(
            type="CANARY",
            canary_size=_share(policy.canary_percent),
            wait_interval_in_seconds=policy.wait_interval_seconds,
        )
    if policy.type == "linear":
        return sagemaker.CfnEndpoint.TrafficRoutingConfigProperty(
            type="LINEAR",
            linear_step_size=_share(policy.linear_step_percent),
            wait_interval_in_seconds=policy.wait_interval_seconds,
        )
    # The API requires a wait interval even without a wait.
    return sagemaker.CfnEndpoint.TrafficRoutingConfigProperty(
        type="ALL_AT_ONCE", wait_interval_in_seconds=0
    )


def _share(percent: int) -> sagemaker.CfnEndpoint.CapacitySizeProperty:
    # A share stays right while autoscaling changes the number of instances.
    return sagemaker.CfnEndpoint.CapacitySizeProperty(type="CAPACITY_PERCENT", value=percent)
