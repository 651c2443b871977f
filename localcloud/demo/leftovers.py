"""List what exists in the cloud, apart from what `cdk bootstrap` created."""

from collections.abc import Iterable
from typing import Any

from operations.aws import session

BOOTSTRAP_STACK = "CDKToolkit"

# Kind, service, paginated operation, JMESPath of the names in its pages.
LISTINGS = (
    ("bucket", "s3", "list_buckets", "Buckets[].Name"),
    ("function", "lambda", "list_functions", "Functions[].FunctionName"),
    ("layer", "lambda", "list_layers", "Layers[].LayerName"),
    ("state machine", "stepfunctions", "list_state_machines", "stateMachines[].stateMachineArn"),
    ("topic", "sns", "list_topics", "Topics[].TopicArn"),
    ("queue", "sqs", "list_queues", "QueueUrls[]"),
    ("log group", "logs", "describe_log_groups", "logGroups[].logGroupName"),
    ("alarm", "cloudwatch", "describe_alarms", "MetricAlarms[].AlarmName"),
    ("dashboard", "cloudwatch", "list_dashboards", "DashboardEntries[].DashboardName"),
    ("role", "iam", "list_roles", "Roles[].RoleName"),
    ("SSM parameter", "ssm", "describe_parameters", "Parameters[].Name"),
    ("event rule", "events", "list_rules", "Rules[].Name"),
    ("SageMaker model", "sagemaker", "list_models", "Models[].ModelName"),
    (
        "SageMaker endpoint configuration",
        "sagemaker",
        "list_endpoint_configs",
        "EndpointConfigs[].EndpointConfigName",
    ),
    ("SageMaker endpoint", "sagemaker", "list_endpoints", "Endpoints[].EndpointName"),
    (
        "stack",
        "cloudformation",
        "list_stacks",
        "StackSummaries[?StackStatus != 'DELETE_COMPLETE'].StackName",
    ),
)


def leftovers() -> list[str]:
    """Return lines such as `bucket: pictures`; empty after a complete `cdk destroy --all`.

    Finished training and transform jobs do not count: SageMaker never deletes them.
    """
    return [f"{kind}: {name}" for kind, name in listed()]


def listed() -> list[tuple[str, str]]:
    """Return kind and name of everything that exists, apart from what `cdk bootstrap` created."""
    resources = "StackResourceSummaries[].PhysicalResourceId"
    bootstrap = {
        BOOTSTRAP_STACK,
        *_names("cloudformation", "list_stack_resources", resources, StackName=BOOTSTRAP_STACK),
    }
    return [
        (kind, name)
        for kind, service, operation, names in LISTINGS
        for name in _names(service, operation, names)
        if name not in bootstrap
    ]


def _names(service: str, operation: str, names: str, **arguments: str) -> Iterable[str]:
    aws: Any = session()  # its types know the names of services as literals only
    pages = aws.client(service).get_paginator(operation).paginate(**arguments)
    return [name for name in pages.search(names) if name is not None]
