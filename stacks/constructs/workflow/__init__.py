"""Workflow: the state machine that classifies the pictures of one request."""

from stacks.constructs.workflow.classification_workflow import ClassificationWorkflow
from stacks.constructs.workflow.verdict_metrics import VERDICTS, VerdictMetrics

__all__ = ["VERDICTS", "ClassificationWorkflow", "VerdictMetrics"]
