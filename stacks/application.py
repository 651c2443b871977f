"""All stacks of one environment, and what passes between them."""

import aws_cdk as cdk
from constructs import Construct

from settings import Settings
from settings.instances import is_retired
from stacks.batch import BatchStack
from stacks.inference import InferenceStack
from stacks.monitoring import MonitoringStack
from stacks.storage import StorageStack
from stacks.training import TrainingStack
from stacks.workflow import WorkflowStack


def add_stacks(scope: Construct, settings: Settings, *, env: cdk.Environment | None = None) -> None:
    """Adds storage, training, inference, workflow, batch and monitoring, each on those before it.

    Training hands the model on through SSM parameters and not through exports: CloudFormation
    refuses to change an export that another stack imports, and every training changes it.
    """
    for key, value in settings.tags_by_key.items():
        cdk.Tags.of(scope).add(key, value)
    storage = StorageStack(scope, settings.stack_name("Storage"), settings=settings, env=env)
    training = TrainingStack(
        scope,
        settings.stack_name("Training"),
        settings=settings,
        data_bucket=storage.data_bucket,
        artifact_bucket=storage.artifact_bucket,
        encryption_key=storage.encryption_key,
        env=env,
    )
    inference = InferenceStack(
        scope,
        settings.stack_name("Inference"),
        settings=settings,
        data_bucket=storage.data_bucket,
        artifact_bucket=storage.artifact_bucket,
        capture_bucket=storage.capture_bucket,
        encryption_key=storage.encryption_key,
        env=env,
    )
    inference.add_stack_dependency(training, "reads the model's SSM parameters")
    workflow = WorkflowStack(
        scope,
        settings.stack_name("Workflow"),
        settings=settings,
        data_bucket=storage.data_bucket,
        encryption_key=storage.encryption_key,
        env=env,
    )
    workflow.add_stack_dependency(inference, "calls the endpoint by its name")
    batch = BatchStack(
        scope,
        settings.stack_name("Batch"),
        settings=settings,
        data_bucket=storage.data_bucket,
        artifact_bucket=storage.artifact_bucket,
        encryption_key=storage.encryption_key,
        env=env,
    )
    batch.add_stack_dependency(inference, "calls the endpoint by its name")
    batch.add_stack_dependency(workflow, "sends to its topic")
    monitoring = MonitoringStack(
        scope,
        settings.stack_name("Monitoring"),
        settings=settings,
        workflow=workflow.classification,
        verdicts=workflow.verdicts,
        transform=batch.transform,
        notices=[*workflow.notices, batch.notice],
        data_bucket=storage.data_bucket,
        artifact_bucket=storage.artifact_bucket,
        capture_bucket=storage.capture_bucket,
        encryption_key=storage.encryption_key,
        env=env,
    )
    monitoring.add_stack_dependency(inference, "asks the endpoint what its baseline is")
    monitoring.add_stack_dependency(batch, "reads the SSM parameters of bulk classification")

    _warn_if_retired(training, "training.instance_type", settings.training.instance_type)
    _warn_if_retired(inference, "endpoint.instance_type", settings.endpoint.instance_type)
    _warn_if_retired(batch, "batch_transform.instance_type", settings.batch_transform.instance_type)


def _warn_if_retired(stack: cdk.Stack, key: str, instance_type: str) -> None:
    if is_retired(instance_type):
        cdk.Annotations.of(stack).add_warning_v2(
            "scones:retired-instance-type",
            f"{key} = {instance_type!r}: AWS is retiring this family; use ml.g4dn.xlarge",
        )
