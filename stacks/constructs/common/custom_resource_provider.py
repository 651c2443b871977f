"""The provider framework of a custom resource, with our log groups and roles."""

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import custom_resources
from constructs import Construct

from settings import Settings
from stacks.constructs.common.acknowledge import (
    acknowledge,
    acknowledge_inline_policy,
    acknowledge_wildcard,
)
from stacks.constructs.common.conventions import log_group
from stacks.constructs.common.python_function import (
    LAMBDA,
    PythonFunction,
    acknowledge_shared_network_and_concurrency,
)

_POLLING = ("framework-isComplete", "framework-onTimeout")


def provider(
    scope: Construct,
    *,
    settings: Settings,
    on_event: PythonFunction,
    is_complete: PythonFunction | None = None,
    query_interval: cdk.Duration | None = None,
    total_timeout: cdk.Duration | None = None,
) -> custom_resources.Provider:
    """Return a provider in `scope`; `is_complete` polls until the resource is complete."""
    provider_logs = log_group(scope, "ProviderLogs", settings)
    polling_role = None
    if is_complete:
        polling_role = _framework_role(scope, "IsCompleteFrameworkRole", provider_logs)
    made = custom_resources.Provider(
        scope,
        "Provider",
        on_event_handler=on_event,
        is_complete_handler=is_complete,
        query_interval=query_interval,
        total_timeout=total_timeout,
        log_group=provider_logs,
        framework_on_event_role=_framework_role(scope, "OnEventFrameworkRole", provider_logs),
        framework_complete_and_timeout_role=polling_role,
    )
    _acknowledge_what_the_framework_is(scope, made, on_event, is_complete)
    return made


def _framework_role(scope: Construct, construct_id: str, log_group: logs.ILogGroup) -> iam.Role:
    # CDK's role may create log groups: a call that outlives the log group during `cdk destroy`
    # (the framework answers CloudFormation before it returns) would create it again.
    role = iam.Role(scope, construct_id, assumed_by=LAMBDA)
    log_group.grant_write(role)
    acknowledge_inline_policy(role)
    return role


def _acknowledge_what_the_framework_is(
    scope: Construct,
    made: custom_resources.Provider,
    on_event: PythonFunction,
    is_complete: PythonFunction | None,
) -> None:
    called: list[Any] = [on_event]
    if is_complete:
        called += [is_complete, *map(made.node.find_child, _POLLING)]
        acknowledge_inline_policy(made)
        acknowledge(
            made,
            "AwsSolutions-SF1",
            reason="The functions log each poll, and Step Functions keeps the history for 90 "
            "days; its own logs would need grants on every log group.",
        )
        acknowledge(made, "AwsSolutions-SF2", reason="The provider framework cannot enable X-Ray.")
    for function in called:
        assert isinstance(function, lambda_.Function)
        acknowledge_wildcard(
            scope,
            f"{function.function_arn}:*",
            reason="CDK allows the provider framework to call every version of its functions.",
        )
    acknowledge_shared_network_and_concurrency(made)
    acknowledge(
        scope,
        "NIST.800.53.R5-LambdaDLQ",
        reason="Nothing is lost: the framework waits for its functions and reports every failure "
        "to CloudFormation, which waits for the framework.",
    )
