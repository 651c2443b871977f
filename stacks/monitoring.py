"""Alarms and the dashboard of an environment in operation."""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from settings import Settings
from stacks.constructs.inference.image_endpoint import CAPTURES
from stacks.constructs.monitoring.drift_alarms import DriftAlarms
from stacks.constructs.monitoring.drift_detector import DriftDetector
from stacks.constructs.monitoring.drift_metrics import DriftMetrics
from stacks.constructs.monitoring.drift_widgets import drift_widgets
from stacks.constructs.monitoring.model_baseline import ModelBaseline
from stacks.constructs.monitoring.operational_alarm import OperationalAlarm
from stacks.constructs.monitoring.operations_dashboard import OperationsDashboard
from stacks.constructs.monitoring.serving_alarms import ServingAlarms
from stacks.constructs.monitoring.verdict_metrics import VerdictMetrics
from stacks.constructs.monitoring.workflow_alarms import WorkflowAlarms
from stacks.constructs.workflow.classification_workflow import ClassificationWorkflow


class MonitoringStack(cdk.Stack):
    """Watches endpoint and workflow; it can go without them noticing."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        workflow: ClassificationWorkflow,
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
        alarms: list[OperationalAlarm] = []
        widgets: list[cloudwatch.IWidget] = []
        if settings.endpoint.enabled:
            alarms += ServingAlarms(self, "Endpoint", settings=settings).alarms
        alarms += WorkflowAlarms(self, "Workflow", settings=settings, workflow=workflow).alarms
        verdicts = VerdictMetrics(self, "Verdicts", settings=settings, workflow=workflow)
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
                capture_uri=capture_bucket.s3_url_for_object(CAPTURES),
            ).alarms
            widgets = drift_widgets(metrics)
        if settings.monitoring.dashboard:
            OperationsDashboard(
                self,
                "Dashboard",
                settings=settings,
                workflow=workflow,
                verdicts=verdicts,
                capture_bucket=capture_bucket,
                alarms=alarms,
                drift=widgets,
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
