"""Alarms and the dashboard of an environment in operation."""

import aws_cdk as cdk
from aws_cdk import aws_s3 as s3
from constructs import Construct

from settings import Settings
from stacks.constructs.classification_workflow import ClassificationWorkflow
from stacks.constructs.operational_alarm import OperationalAlarm
from stacks.constructs.operations_dashboard import OperationsDashboard
from stacks.constructs.serving_alarms import ServingAlarms
from stacks.constructs.verdict_metrics import VerdictMetrics
from stacks.constructs.workflow_alarms import WorkflowAlarms


class MonitoringStack(cdk.Stack):
    """Watches endpoint and workflow; it can go without them noticing."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        workflow: ClassificationWorkflow,
        capture_bucket: s3.IBucket,
        env: cdk.Environment | None = None,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            env=env,
            description="Scones Unlimited: alarms and dashboard",
        )
        alarms: list[OperationalAlarm] = []
        if settings.endpoint.enabled:
            alarms += ServingAlarms(self, "Endpoint", settings=settings).alarms
        alarms += WorkflowAlarms(self, "Workflow", settings=settings, workflow=workflow).alarms
        verdicts = VerdictMetrics(self, "Verdicts", settings=settings, workflow=workflow)
        if settings.monitoring.dashboard:
            OperationsDashboard(
                self,
                "Dashboard",
                settings=settings,
                workflow=workflow,
                verdicts=verdicts,
                capture_bucket=capture_bucket,
                alarms=alarms,
            )
