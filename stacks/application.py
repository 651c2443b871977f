"""Add all stacks of an environment; each receives what it needs from those before it."""

import aws_cdk as cdk
from constructs import Construct

from settings import Settings
from settings.instances import is_retired
from stacks.batch import BatchStack
from stacks.constructs.common.conventions import Env
from stacks.inference import InferenceStack
from stacks.monitoring import MonitoringStack
from stacks.storage import StorageStack
from stacks.training import TrainingStack
from stacks.workflow import WorkflowStack


def add_stacks(scope: Construct, settings: Settings, *, env: Env = None) -> None:
    """Add the stacks, each after those it depends on.

    Training hands on the model by SSM parameters instead of exports: every training changes it, and
    CloudFormation refuses to change an export that another stack imports.
    """
    for key, value in settings.tags_by_key.items():
        cdk.Tags.of(scope).add(key, value)
    storage = StorageStack(scope, settings=settings, env=env).storage
    training = TrainingStack(scope, settings=settings, storage=storage, env=env)
    inference = InferenceStack(scope, settings=settings, storage=storage, env=env)
    inference.add_stack_dependency(training, "reads the model's SSM parameters")
    workflow = WorkflowStack(scope, settings=settings, storage=storage, env=env)
    workflow.add_stack_dependency(inference, "calls the endpoint by its name")
    batch = BatchStack(scope, settings=settings, storage=storage, env=env)
    batch.add_stack_dependency(inference, "calls the endpoint by its name")
    batch.add_stack_dependency(workflow, "sends to its topic")
    monitoring = MonitoringStack(
        scope,
        settings=settings,
        storage=storage,
        workflow=workflow.workflow,
        batch=batch.batch,
        env=env,
    )
    monitoring.add_stack_dependency(inference, "asks the endpoint what its baseline is")
    monitoring.add_stack_dependency(batch, "reads the SSM parameters of bulk classification")

    for stack, section, instance_type in (
        (training, "training", settings.training.instance_type),
        (inference, "endpoint", settings.endpoint.instance_type),
        (batch, "batch_transform", settings.batch_transform.instance_type),
    ):
        if is_retired(instance_type):
            cdk.Annotations.of(stack).add_warning_v2(
                "scones:retired-instance-type",
                f"{section}.instance_type = {instance_type!r}: AWS is retiring this family; use "
                "ml.g4dn.xlarge",
            )
