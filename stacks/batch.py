"""Bulk work: thousands of pictures through the endpoint, or without one."""

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ssm as ssm
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from settings import Settings
from stacks.constructs.batch.batch_transform import BatchTransform
from stacks.constructs.batch.bulk_classification import BulkClassification
from stacks.constructs.notifications.dead_execution_notice import DeadExecutionNotice
from stacks.constructs.notifications.topic_publisher import TopicPublisher


class BatchStack(cdk.Stack):
    """What classifies more pictures than one execution of the workflow takes."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        data_bucket: s3.IBucket,
        artifact_bucket: s3.IBucket,
        encryption_key: kms.IKey | None,
        env: cdk.Environment | None = None,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            env=env,
            description="Scones Unlimited: state machines that classify thousands of pictures",
        )
        publisher = TopicPublisher.of_other_stack(
            self, settings=settings, encryption_key=encryption_key
        )
        self.transform = BatchTransform(
            self,
            "BatchTransform",
            settings=settings,
            data_bucket=data_bucket,
            publisher=publisher,
            encryption_key=encryption_key,
        )
        state_machines: list[sfn.IStateMachine] = [self.transform.state_machine]
        cdk.CfnOutput(self, "BatchInputUri", value=self.transform.input_uri)
        cdk.CfnOutput(
            self,
            "BatchTransformStateMachineArn",
            value=self.transform.state_machine.state_machine_arn,
        )
        if settings.endpoint.enabled:
            bulk = BulkClassification(
                self,
                "BulkClassification",
                settings=settings,
                data_bucket=data_bucket,
                # Results are made here, as models are; in the data bucket a run over all of it
                # would list them as pictures.
                results_bucket=artifact_bucket,
                publisher=publisher,
                encryption_key=encryption_key,
            )
            state_machines.append(bulk.state_machine)
            self._publish(settings, bulk)
            cdk.CfnOutput(self, "BulkStateMachineArn", value=bulk.state_machine.state_machine_arn)
            cdk.CfnOutput(self, "BulkResultsUri", value=bulk.results_uri)
        self.notice = DeadExecutionNotice(
            self,
            "NoticeOfDeadExecution",
            settings=settings,
            publisher=publisher,
            state_machines=state_machines,
        )

    def _publish(self, settings: Settings, bulk: BulkClassification) -> None:
        # For the monitoring stack, which must not keep it from going (picture_path.py).
        arns = {"state-machine": bulk.state_machine.state_machine_arn} | {
            name: function.function_arn for name, function in bulk.functions.items()
        }
        for name, arn in arns.items():
            ssm.StringParameter(
                self,
                f"Bulk{name.title().replace('-', '')}Parameter",
                parameter_name=settings.bulk_parameter(name),
                string_value=arn,
            )
