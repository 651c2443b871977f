"""Finds what outlives the stacks of one environment.

SageMaker writes logs to groups of its own, which belong to no stack; an update or a destroy that
failed may leave the rest. Everything is recognised by the environment's names alone.

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
    """None: it holds data that is kept on purpose, so only a person may remove it."""


def existing_stacks(settings: Settings) -> list[str]:
    """Names of the environment's stacks that still exist, in whatever status."""
    pages = session().client("cloudformation").get_paginator("list_stacks").paginate()
    names = pages.search("StackSummaries[?StackStatus != 'DELETE_COMPLETE'].StackName")
    return sorted(name for name in names if name and name.startswith(settings.stack_name("")))


def find(settings: Settings) -> list[Remain]:
    """What is left, in the order in which it can be removed.

    Only to be asked when `existing_stacks` gives none: it does not tell what is still in use.
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
    # Only those that run, and cost: finished ones are history, which SageMaker never deletes.
    client = session().client("sagemaker")

    def running() -> list[str]:
        return _names(
            client,
            f"list_{kind}_jobs",
            f"{member}JobSummaries[].{member}JobName",
            NameContains=f"{settings.resource_prefix}-",
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
        if name.startswith(f"{settings.resource_prefix}-"):
            yield Remain(
                f"running {kind} job",
                name,
                f"aws sagemaker stop-{kind}-job --{kind}-job-name {name}",
                partial(stop, name),
            )


def _serving(settings: Settings) -> Iterator[Remain]:
    """The endpoint; and models of this environment's training jobs with their configurations.

    CloudFormation names models and configurations after nothing but their logical id, so they
    are known by the training job that made the model's artifact. A model of
    `training.model_data_url` is not found: nothing tells whose it is.
    """
    client = session().client("sagemaker")
    models = [
        name
        for name in _names(client, "list_models", "Models[].ModelName")
        if f"/{settings.resource_prefix}-"
        in _artifact(_described(client.describe_model, ModelName=name))
    ]
    configurations = [
        name
        for name in _names(client, "list_endpoint_configs", "EndpointConfigs[].EndpointConfigName")
        if _models_of(_described(client.describe_endpoint_config, EndpointConfigName=name))
        & set(models)
    ]
    endpoints = [
        name
        for name in _names(client, "list_endpoints", "Endpoints[].EndpointName")
        if name == settings.endpoint_name
    ]
    for kind, names, command, remove, member in (
        ("endpoint", endpoints, "endpoint --endpoint-name", client.delete_endpoint, "Endpoint"),
        (
            "endpoint configuration",
            configurations,
            "endpoint-config --endpoint-config-name",
            client.delete_endpoint_config,
            "EndpointConfig",
        ),
        ("model", models, "model --model-name", client.delete_model, "Model"),
    ):
        for name in names:
            by_hand = f"aws sagemaker delete-{command} {name}"
            yield Remain(kind, name, by_hand, partial(remove, **{f"{member}Name": name}))


def _described(describe: Callable[..., Mapping[str, Any]], **name: str) -> Mapping[str, Any]:
    """Return a description; an empty one of what was deleted after it was listed."""
    try:
        return describe(**name)
    except ClientError as error:
        if error.response["Error"]["Message"].startswith("Could not find"):
            return {}
        raise


def _artifact(model: Mapping[str, Any]) -> str:
    url: str = model.get("PrimaryContainer", {}).get("ModelDataUrl", "")
    return url


def _models_of(configuration: Mapping[str, Any]) -> set[str]:
    return {variant.get("ModelName", "") for variant in configuration.get("ProductionVariants", [])}


def _log_groups(settings: Settings) -> Iterator[Remain]:
    client = session().client("logs")
    of_stacks = settings.stack_name("")
    kept = settings.retention.removal == "retain"
    for prefix, keep in (
        (f"{ENDPOINT_LOGS}/{settings.endpoint_name}", False),
        (f"/aws/lambda/{of_stacks}", False),
        (f"{STATE_MACHINE_LOGS}/{of_stacks}", kept),
        (of_stacks, kept),
    ):
        for name in _names(
            client, "describe_log_groups", "logGroups[].logGroupName", logGroupNamePrefix=prefix
        ):
            if prefix.startswith(ENDPOINT_LOGS) and name != prefix:
                continue  # of another endpoint, whose name begins with ours
            yield Remain(
                "log group",
                name,
                f"aws logs delete-log-group --log-group-name {name}",
                None if keep else partial(client.delete_log_group, logGroupName=name),
            )


def _log_streams(settings: Settings, group: str) -> Iterator[Remain]:
    # The group is shared by all such jobs of the account: only our streams in it are ours.
    client = session().client("logs")
    groups = _names(
        client, "describe_log_groups", "logGroups[].logGroupName", logGroupNamePrefix=group
    )
    if group not in groups:
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
    # CloudFormation names buckets after stack and logical id, in small letters.
    prefix = settings.stack_name("").lower()
    for name in _names(session().client("s3"), "list_buckets", "Buckets[].Name"):
        if name.startswith(prefix):
            yield Remain("bucket", name, f"aws s3 rb s3://{name} --force", None)


def _names(client: Any, operation: str, names: str, **arguments: str) -> list[str]:
    pages = client.get_paginator(operation).paginate(**arguments)
    return [name for name in pages.search(names) if name is not None]
