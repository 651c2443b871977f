"""Alarms and the dashboard of an environment in operation."""

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from settings import Settings
from stacks.constructs.batch.batch_transform import BatchTransform
from stacks.constructs.common.operational_alarm import OperationalAlarm
from stacks.constructs.monitoring.batch_widgets import batch_rows
from stacks.constructs.monitoring.delivery_alarms import DeliveryAlarms
from stacks.constructs.monitoring.drift_alarms import DriftAlarms
from stacks.constructs.monitoring.drift_detector import DriftDetector
from stacks.constructs.monitoring.drift_metrics import DriftMetrics
from stacks.constructs.monitoring.drift_widgets import drift_widgets
from stacks.constructs.monitoring.execution_alarms import ExecutionAlarms
from stacks.constructs.monitoring.model_baseline import ModelBaseline
from stacks.constructs.monitoring.operations_dashboard import OperationsDashboard
from stacks.constructs.monitoring.picture_path import (
    bulk_path,
    transform_path,
    workflow_path,
)
from stacks.constructs.monitoring.serving_alarms import ServingAlarms
from stacks.constructs.monitoring.verdict_metrics import VerdictMetrics
from stacks.constructs.notifications.event_notice import EventNotice
from stacks.constructs.workflow.classification_workflow import ClassificationWorkflow


class MonitoringStack(cdk.Stack):
    """Watches endpoint, workflow and batch; it can go without them noticing."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        workflow: ClassificationWorkflow,
        verdicts: VerdictMetrics,
        transform: BatchTransform,
        notices: Sequence[EventNotice],
        data_bucket: s3.IBucket,
        artifact_bucket: s3.IBucket,
        capture_bucket: s3.IBucket,
        encryption_key: kms.IKey | None,
        env: cdk.Environment | None = None,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            env=env,
            description="Scones Unlimited: drift detector, alarms and dashboard",
        )
        self._settings = settings
        classification = workflow_path(settings, workflow)
        transforms = transform_path(transform)
        bulk = bulk_path(self, settings) if settings.endpoint.enabled else None
        manifests = transform.manifest_rule
        alarms: list[OperationalAlarm] = []
        rows: list[Sequence[cloudwatch.IWidget]] = [
            *batch_rows(transform=transforms, bulk=bulk, manifests=manifests)
        ]
        if settings.endpoint.enabled:
            alarms += ServingAlarms(self, "Endpoint", settings=settings).alarms
        for path in filter(None, (classification, transforms, bulk)):
            construct_id = path.title.title().replace(" ", "")
            alarms += ExecutionAlarms(self, construct_id, settings=settings, path=path).alarms
        alarms += DeliveryAlarms(
            self, "Undelivered", settings=settings, manifests=manifests, notices=notices
        ).alarms
        if settings.detects_drift:
            metrics = DriftMetrics(settings)
            baseline = self._baseline(metrics, data_bucket, artifact_bucket, encryption_key)
            detector = DriftDetector(
                self,
                "DriftDetector",
                settings=settings,
                metrics=metrics,
                baseline=baseline,
                capture_bucket=capture_bucket,
                artifact_bucket=artifact_bucket,
                encryption_key=encryption_key,
            )
            alarms += DriftAlarms(
                self,
                "Drift",
                settings=settings,
                metrics=metrics,
                detector=detector,
            ).alarms
            alarms.append(baseline.alarm)
            rows.append(drift_widgets(metrics))
        if settings.monitoring.dashboard:
            OperationsDashboard(
                self,
                "Dashboard",
                settings=settings,
                workflow=classification,
                verdicts=verdicts,
                capture_bucket=capture_bucket,
                alarms=alarms,
                rows=rows,
            )

    def _baseline(
        self,
        metrics: DriftMetrics,
        data_bucket: s3.IBucket,
        artifact_bucket: s3.IBucket,
        encryption_key: kms.IKey | None,
    ) -> ModelBaseline:
        settings, parameter = self._settings, ssm.StringParameter.value_for_string_parameter
        baseline = ModelBaseline(
            self,
            "ModelBaseline",
            settings=settings,
            # Both are read at deployment, so that another model has another baseline.
            model_data_url=parameter(self, settings.model_data_url_parameter),
            dataset_prefix=parameter(self, settings.dataset_parameter),
            data_bucket=data_bucket,
            artifact_bucket=artifact_bucket,
            encryption_key=encryption_key,
            namespace=metrics.namespace,
        )
        cdk.CfnOutput(self, "BaselineAccuracy", value=baseline.accuracy)
        return baseline
