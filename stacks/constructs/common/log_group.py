"""Explicit log groups: kept as long as the settings say, gone with their stack in dev."""

from aws_cdk import aws_logs as logs
from constructs import Construct

from settings import Settings
from stacks.constructs.common.acknowledge import acknowledge
from stacks.constructs.common.removal import removal_policy


def log_group(scope: Construct, construct_id: str, settings: Settings) -> logs.LogGroup:
    """A log group with a generated name, outside `/aws/lambda/`, where Lambda makes its own."""
    group = logs.LogGroup(
        scope,
        construct_id,
        retention=logs.RetentionDays[settings.retention.log_retention],
        removal_policy=removal_policy(settings),
    )
    acknowledge(
        group,
        "NIST.800.53.R5-CloudWatchLogGroupEncrypted",
        reason="CloudWatch encrypts it with a key of its own. It holds bucket names, keys and "
        "errors, never a picture; a customer key would add a charge and a way to lose the logs.",
    )
    if settings.retention.log_retention == "INFINITE":
        acknowledge(
            group,
            "NIST.800.53.R5-CloudWatchLogGroupRetentionPeriod",
            reason="The settings ask to keep the logs for ever.",
        )
    return group
