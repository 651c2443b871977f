"""Thousands of pictures at once: through the endpoint, or by transform jobs without one."""

from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_events as events
from constructs import Construct

from settings import Settings
from stacks.constructs.batch import BatchTransform, BulkClassification
from stacks.constructs.common.conventions import Env, EnvironmentStack
from stacks.constructs.common.state_machine import PicturePath
from stacks.constructs.common.storage import Storage
from stacks.constructs.notifications import EventNotice, TopicPublisher, notice_of_dead_execution


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The batch transform as the monitoring stack watches it.

    Bulk classification is not part of it: the monitoring stack finds that by its parameters.
    """

    transform: PicturePath
    manifests: events.IRule
    """The rule that starts a batch transform for each manifest."""
    notice: EventNotice


class BatchStack(EnvironmentStack):
    """Classifies more pictures than one execution of the workflow takes."""

    def __init__(self, scope: Construct, *, settings: Settings, storage: Storage, env: Env) -> None:
        description = "state machines that classify thousands of pictures"
        super().__init__(scope, settings=settings, name="Batch", description=description, env=env)
        publisher = TopicPublisher.of_other_stack(self, settings, storage.key)
        transform = BatchTransform(self, settings=settings, storage=storage, publisher=publisher)
        state_machines = [transform.state_machine]
        transform_arn = transform.state_machine.state_machine_arn
        cdk.CfnOutput(self, "BatchInputUri", value=transform.input_uri)
        cdk.CfnOutput(self, "BatchTransformStateMachineArn", value=transform_arn)
        if settings.endpoint.enabled:
            bulk = BulkClassification(self, settings=settings, storage=storage, publisher=publisher)
            state_machines.append(bulk.state_machine)
            self._publish_arns(settings, bulk)
            cdk.CfnOutput(self, "BulkStateMachineArn", value=bulk.state_machine.state_machine_arn)
            cdk.CfnOutput(self, "BulkResultsUri", value=bulk.results_uri)
        self.batch = Batch(
            transform=PicturePath(
                title="Batch transform",
                state_machine=transform.state_machine,
                functions=transform.functions,
                less_at_a_time="Put fewer manifests at a time",
            ),
            manifests=transform.manifest_rule,
            notice=notice_of_dead_execution(self, settings, publisher, state_machines),
        )

    def _publish_arns(self, settings: Settings, bulk: BulkClassification) -> None:
        # For the monitoring stack, in place of exports: without an endpoint there is no bulk
        # classification, and CloudFormation could not delete it for as long as the monitoring
        # stack, which is updated later, imports from it.
        arns = {"state-machine": bulk.state_machine.state_machine_arn} | {
            name: function.function_arn for name, function in bulk.functions.items()
        }
        for name, arn in arns.items():
            construct_id = f"Bulk{name.title().replace('-', '')}Parameter"
            self._publish(construct_id, settings.bulk_parameter(name), arn)
