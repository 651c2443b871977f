"""Drift detector, alarms and dashboard of an environment in operation."""

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from settings import Settings
from stacks.batch import Batch
from stacks.constructs.common.conventions import Env, EnvironmentStack, published
from stacks.constructs.common.operational_alarm import OperationalAlarm
from stacks.constructs.common.package_layer import PackageLayer
from stacks.constructs.common.state_machine import PicturePath
from stacks.constructs.common.storage import Storage
from stacks.constructs.monitoring.delivery_alarms import DeliveryAlarms
from stacks.constructs.monitoring.drift_alarms import DriftAlarms
from stacks.constructs.monitoring.drift_detector import DriftDetector, DriftMetrics
from stacks.constructs.monitoring.execution_alarms import ExecutionAlarms
from stacks.constructs.monitoring.model_baseline import ModelBaseline
from stacks.constructs.monitoring.operations_dashboard import OperationsDashboard
from stacks.constructs.monitoring.serving_alarms import ServingAlarms
from stacks.constructs.monitoring.widgets import batch_rows, drift_row
from stacks.workflow import Workflow


class MonitoringStack(EnvironmentStack):
    """Watches endpoint, workflow and batch, none of which depends on it."""

    def __init__(
        self,
        scope: Construct,
        *,
        settings: Settings,
        storage: Storage,
        workflow: Workflow,
        batch: Batch,
        env: Env,
    ) -> None:
        description = "drift detector, alarms and dashboard"
        super().__init__(
            scope, settings=settings, name="Monitoring", description=description, env=env
        )
        bulk = self._bulk_path(settings) if settings.endpoint.enabled else None
        paths = [workflow.path, batch.transform, *([bulk] if bulk else [])]
        rows = batch_rows(batch.transform, bulk, batch.manifests)
        alarms: list[OperationalAlarm] = []
        if settings.endpoint.enabled:
            alarms += ServingAlarms(self, settings=settings).alarms
        for path in paths:
            alarms += ExecutionAlarms(self, settings=settings, path=path).alarms
        notices = [*workflow.notices, batch.notice]
        alarms += DeliveryAlarms(
            self, settings=settings, manifests=batch.manifests, notices=notices
        ).alarms
        if settings.detects_drift:
            metrics, layer = DriftMetrics(settings), PackageLayer(self, "Packages")
            baseline = ModelBaseline(
                self,
                settings=settings,
                storage=storage,
                namespace=metrics.namespace,
                layer=layer,
            )
            cdk.CfnOutput(self, "BaselineAccuracy", value=baseline.accuracy)
            detector = DriftDetector(
                self,
                settings=settings,
                storage=storage,
                baseline=baseline,
                metrics=metrics,
                layer=layer,
            )
            alarms += DriftAlarms(
                self, settings=settings, metrics=metrics, detector=detector
            ).alarms
            alarms.append(baseline.alarm)
            rows.append(drift_row(metrics))
        if settings.monitoring.dashboard:
            OperationsDashboard(
                self,
                settings=settings,
                workflow=workflow.path,
                verdicts=workflow.verdicts,
                captures=storage.captures,
                alarms=alarms,
                rows=rows,
            )

    def _bulk_path(self, settings: Settings) -> PicturePath:
        # By the ARNs that the batch stack publishes (batch.py).
        def arn(name: str) -> str:
            return published(self, settings.bulk_parameter(name))

        return PicturePath(
            title="Bulk classification",
            state_machine=sfn.StateMachine.from_state_machine_arn(
                self, "BulkStateMachine", arn("state-machine")
            ),
            functions={
                name: lambda_.Function.from_function_arn(self, f"Bulk{name.title()}", arn(name))
                for name in ("batch", "summary")
            },
            tolerant=frozenset({"batch"}),
            less_at_a_time="Lower bulk.max_concurrency",
        )
