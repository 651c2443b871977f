"""The update policy of the settings in CloudFormation's words."""

from aws_cdk import aws_sagemaker as sagemaker

from settings.endpoint import UpdatePolicy
from stacks.constructs.inference.endpoint_alarms import EndpointAlarms


def deployment_config(
    policy: UpdatePolicy, alarms: EndpointAlarms
) -> sagemaker.CfnEndpoint.DeploymentConfigProperty:
    """Blue/green deployment that shifts traffic by `policy` and goes back if an alarm rises."""
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
    # The API wants a wait interval even where there is nothing to wait for.
    return sagemaker.CfnEndpoint.TrafficRoutingConfigProperty(
        type="ALL_AT_ONCE", wait_interval_in_seconds=0
    )


def _share(percent: int) -> sagemaker.CfnEndpoint.CapacitySizeProperty:
    # A share and not a number of instances: it stays right while autoscaling changes their number.
    return sagemaker.CfnEndpoint.CapacitySizeProperty(type="CAPACITY_PERCENT", value=percent)
