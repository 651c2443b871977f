"""What alarms and dashboard need to know of the ways that pictures take to the model."""

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_ssm as ssm
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from settings import Settings
from stacks.constructs.batch.batch_transform import BatchTransform
from stacks.constructs.workflow.classification_workflow import ClassificationWorkflow


@dataclass(frozen=True, kw_only=True)
class PicturePath:
    """A state machine and the functions that only it calls."""

    title: str
    """The first word capitalized, as in headings."""
    state_machine: sfn.IStateMachine
    functions: Mapping[str, lambda_.IFunction]
    calls_fail_singly: frozenset[str] = frozenset()
    """Functions of which a few errors are no fault of ours: pictures, or a busy endpoint."""
    not_watched: frozenset[str] = frozenset()
    """Functions of which most errors are no fault at all."""
    less_at_a_time: str
    """What to do so that fewer calls are made at a time."""


def workflow_path(settings: Settings, workflow: ClassificationWorkflow) -> PicturePath:
    """The workflow; a filter that raises its rejections fails by design."""
    raises = settings.workflow.rejection_style == "raise"
    return PicturePath(
        title="Workflow",
        state_machine=workflow.state_machine,
        functions=workflow.functions,
        calls_fail_singly=frozenset(workflow.functions),
        not_watched=frozenset({"filter"} if raises else ()),
        less_at_a_time="Lower workflow.max_concurrency, start fewer executions at a time",
    )


def transform_path(transform: BatchTransform) -> PicturePath:
    """The batch transform, which starts with a manifest."""
    return PicturePath(
        title="Batch transform",
        state_machine=transform.state_machine,
        functions=transform.functions,
        less_at_a_time="Put fewer manifests at a time",
    )


def bulk_path(scope: Construct, settings: Settings) -> PicturePath:
    """Bulk classification, by the ARNs that the batch stack publishes.

    Not by exports: without an endpoint there is no bulk classification, and CloudFormation would
    not let it go for as long as the monitoring stack, which is updated later, imports from it.
    """

    def arn(name: str) -> str:
        return ssm.StringParameter.value_for_string_parameter(scope, settings.bulk_parameter(name))

    return PicturePath(
        title="Bulk classification",
        state_machine=sfn.StateMachine.from_state_machine_arn(
            scope, "BulkStateMachine", arn("state-machine")
        ),
        functions={
            name: lambda_.Function.from_function_arn(scope, f"Bulk{name.title()}", arn(name))
            for name in ("batch", "summary")
        },
        calls_fail_singly=frozenset({"batch"}),
        less_at_a_time="Lower bulk.max_concurrency",
    )
