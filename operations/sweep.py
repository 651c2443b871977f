"""Find what outlives the stacks of one environment.

SageMaker writes logs to its own groups, which belong to no stack; a failed update or destroy may
leave the rest. Everything is recognised by the environment's names alone.

Listing needs the IAM actions cloudformation:ListStacks, logs:DescribeLogGroups,
logs:DescribeLogStreams, s3:ListAllMyBuckets, and of sagemaker: ListEndpoints, ListEndpointConfigs,
DescribeEndpointConfig, ListModels, DescribeModel, ListTrainingJobs, ListTransformJobs. Removing
needs logs:DeleteLogGroup, logs:DeleteLogStream, and of sagemaker: DeleteEndpoint,
DeleteEndpointConfig, DeleteModel, StopTrainingJob, StopTransformJob.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from operations.aws import session
from settings import Settings

TRAINING_LOGS = "/aws/sagemaker/TrainingJobs"
TRANSFORM_LOGS = "/aws/sagemaker/TransformJobs"
ENDPOINT_LOGS = "/aws/sagemaker/Endpoints"
STATE_MACHINE_LOGS = "/aws/vendedlogs/states"


@dataclass(frozen=True)
class Remain:
    """One thing that is left."""

    kind: str
    name: str
    by_hand: str
    """Command that removes it."""
    remove: Callable[[], object] | None
    """None: its data is kept on purpose, so only a person may remove it."""


def existing_stacks(settings: Settings) -> list[str]:
    """Return the names of the environment's stacks that exist, in any status."""
    client = session().client("cloudformation")
    query = "StackSummaries[?StackStatus != 'DELETE_COMPLETE'].StackName"
    prefix = settings.stack_name("")
    return sorted(name for name in _names(client, "list_stacks", query) if name.startswith(prefix))


def find(settings: Settings) -> list[Remain]:
    """Return what is left, in the order in which it can be removed.

    Call it only if there are no `existing_stacks`: it cannot tell what they still use.
    """
    return [
        *_jobs(settings, "training", "Training"),
        *_jobs(settings, "transform", "Transform"),
        *_serving(settings),
        *_log_groups(settings),
        *_log_streams(settings, TRAINING_LOGS),
        *_log_streams(settings, TRANSFORM_LOGS),
        *_buckets(settings),
    ]


def _jobs(settings: Settings, kind: str, member: str) -> Iterator[Remain]:
    # Only running ones, which cost money: SageMaker never deletes finished ones.
    client, prefix = session().client("sagemaker"), f"{settings.resource_prefix}-"

    def running() -> list[str]:
        return _names(
            client,
            f"list_{kind}_jobs",
            f"{member}JobSummaries[].{member}JobName",
            NameContains=prefix,
            StatusEquals="InProgress",
        )

    def stop(name: str) -> None:
        try:
            getattr(client, f"stop_{kind}_job")(**{f"{member}JobName": name})
        except ClientError:
            # SageMaker refuses to stop a job that ended after it was listed.
            if name in running():
                raise

    for name in running():
        if name.startswith(prefix):
            by_hand = f"aws sagemaker stop-{kind}-job --{kind}-job-name {name}"
            yield Remain(f"running {kind} job", name, by_hand, partial(stop, name))


def _serving(settings: Settings) -> Iterator[Remain]:
    """Yield the endpoint, and models of this environment's training jobs with their configurations.

    CloudFormation generates the names of models and configurations, so they are recognised by the
    training job that made the model's artifact. Models of `training.model_data_url` are not found.
    """
    client = session().client("sagemaker")
    endpoints = _names(client, "list_endpoints", "Endpoints[].EndpointName")
    models = {
        name
        for name in _names(client, "list_models", "Models[].ModelName")
        if f"/{settings.resource_prefix}-"
        in _described(client.describe_model, ModelName=name)
        .get("PrimaryContainer", {})
        .get("ModelDataUrl", "")
    }
    configurations = [
        name
        for name in _names(client, "list_endpoint_configs", "EndpointConfigs[].EndpointConfigName")
        for variants in [
            _described(client.describe_endpoint_config, EndpointConfigName=name).get(
                "ProductionVariants", []
            )
        ]
        if models & {variant.get("ModelName") for variant in variants}
    ]
    for kind, names, command, remove, member in (
        (
            "endpoint",
            [name for name in endpoints if name == settings.endpoint_name],
            "endpoint --endpoint-name",
            client.delete_endpoint,
            "EndpointName",
        ),
        (
            "endpoint configuration",
            configurations,
            "endpoint-config --endpoint-config-name",
            client.delete_endpoint_config,
            "EndpointConfigName",
        ),
        ("model", sorted(models), "model --model-name", client.delete_model, "ModelName"),
    ):
        for name in names:
            by_hand = f"aws sagemaker delete-{command} {name}"
            yield Remain(kind, name, by_hand, partial(remove, **{member: name}))


def _described(describe: Callable[..., Mapping[str, Any]], **name: str) -> Mapping[str, Any]:
    """Return a description; an empty one of what was deleted after it was listed."""
    try:
        return describe(**name)
    except ClientError as error:
        if error.response["Error"]["Message"].startswith("Could not find"):
            return {}
        raise


def _log_groups(settings: Settings) -> Iterator[Remain]:
    client, of_stacks = session().client("logs"), settings.stack_name("")
    of_endpoint = f"{ENDPOINT_LOGS}/{settings.endpoint_name}"
    kept = settings.retention.removal == "retain"
    for prefix, keep in (
        (of_endpoint, False),
        (f"/aws/lambda/{of_stacks}", False),
        (f"{STATE_MACHINE_LOGS}/{of_stacks}", kept),
        (of_stacks, kept),
    ):
        for name in _group_names(client, prefix):
            if prefix == of_endpoint != name:
                continue  # of another endpoint, whose name begins with ours
            yield Remain(
                "log group",
                name,
                f"aws logs delete-log-group --log-group-name {name}",
                None if keep else partial(client.delete_log_group, logGroupName=name),
            )


def _log_streams(settings: Settings, group: str) -> Iterator[Remain]:
    # All such jobs of the account share the group: only our streams in it are ours.
    client = session().client("logs")
    if group not in _group_names(client, group):
        return
    for name in _names(
        client,
        "describe_log_streams",
        "logStreams[].logStreamName",
        logGroupName=group,
        logStreamNamePrefix=f"{settings.resource_prefix}-",
    ):
        yield Remain(
            f"log stream of {group}",
            name,
            f"aws logs delete-log-stream --log-group-name {group} --log-stream-name {name}",
            partial(client.delete_log_stream, logGroupName=group, logStreamName=name),
        )


def _buckets(settings: Settings) -> Iterator[Remain]:
    # CloudFormation names buckets after stack and logical id, in lowercase letters.
    prefix = settings.stack_name("").lower()
    for name in _names(session().client("s3"), "list_buckets", "Buckets[].Name"):
        if name.startswith(prefix):
            yield Remain("bucket", name, f"aws s3 rb s3://{name} --force", None)


def _group_names(client: Any, prefix: str) -> list[str]:
    query = "logGroups[].logGroupName"
    return _names(client, "describe_log_groups", query, logGroupNamePrefix=prefix)


def _names(client: Any, operation: str, query: str, **arguments: str) -> list[str]:
    pages = client.get_paginator(operation).paginate(**arguments)
    return [name for name in pages.search(query) if name is not None]
