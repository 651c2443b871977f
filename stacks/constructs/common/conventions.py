"""Apply what all stacks have in common: names, tags, removal, logs."""

from typing import TypeAlias

import aws_cdk as cdk
from aws_cdk import aws_logs as logs
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from settings import Settings
from stacks.constructs.common.acknowledge import acknowledge

Env: TypeAlias = cdk.Environment | None


class EnvironmentStack(cdk.Stack):
    """A stack of one environment, such as `Scones-dev-Storage` for the name `Storage`."""

    def __init__(
        self, scope: Construct, *, settings: Settings, name: str, description: str, env: Env
    ) -> None:
        super().__init__(
            scope,
            settings.stack_name(name),
            env=env,
            description=f"Scones Unlimited: {description}",
        )

    def _publish(self, construct_id: str, parameter: str, value: str) -> ssm.StringParameter:
        """Publish a value that may change while other stacks use it, unlike an export."""
        return ssm.StringParameter(self, construct_id, parameter_name=parameter, string_value=value)


def published(scope: Construct, parameter: str) -> str:
    """Return the value of an SSM parameter, which is read at deployment."""
    return ssm.StringParameter.value_for_string_parameter(scope, parameter)


def not_empty(**properties: list[str]) -> dict[str, list[str]]:
    """Return the properties of a custom resource that have a value."""
    return {name: values for name, values in properties.items() if values}


def tag_list(settings: Settings) -> list[dict[str, str]]:
    """Return the tags for AWS APIs and types that `cdk.Tags` does not reach."""
    return [{"Key": key, "Value": value} for key, value in settings.tags_by_key.items()]


def removal_policy(settings: Settings) -> cdk.RemovalPolicy:
    """Return the policy of everything that holds data: deleted with its stack, or retained."""
    if settings.retention.removal == "destroy":
        return cdk.RemovalPolicy.DESTROY
    return cdk.RemovalPolicy.RETAIN


def log_group(scope: Construct, construct_id: str, settings: Settings) -> logs.LogGroup:
    """Return a log group with a generated name, outside `/aws/lambda/`, where Lambda makes its own.

    An explicit one, so that it has the retention of the settings and goes with its stack.
    """
    group = logs.LogGroup(
        scope,
        construct_id,
        retention=logs.RetentionDays[settings.retention.log_retention],
        removal_policy=removal_policy(settings),
    )
    acknowledge(
        group,
        "NIST.800.53.R5-CloudWatchLogGroupEncrypted",
        reason="CloudWatch encrypts it with its own key. It holds bucket names, keys and errors, "
        "never a picture; a customer key would add a charge and a way to lose the logs.",
    )
    if settings.retention.log_retention == "INFINITE":
        acknowledge(
            group,
            "NIST.800.53.R5-CloudWatchLogGroupRetentionPeriod",
            reason="The settings ask to keep the logs forever.",
        )
    return group
