"""The dashboard's row on drift."""

from collections.abc import Mapping

from aws_cdk import aws_cloudwatch as cloudwatch

from stacks.constructs.monitoring.drift_alarms import LIMIT
from stacks.constructs.monitoring.drift_metrics import (
    COUNTS,
    OF_PICTURES,
    OF_REPLIES,
    DriftMetrics,
)
from stacks.constructs.monitoring.graph import graph


def drift_widgets(metrics: DriftMetrics) -> list[cloudwatch.IWidget]:
    """What was read, and what moved: replies and, where they are captured, pictures."""
    counts = (metrics.count(name, label=name) for name in COUNTS)
    widgets = [
        graph("Drift: captures that were read", "captures", *counts),
        _drift("Drift: replies", metrics, OF_REPLIES),
    ]
    if metrics.has_pictures:
        widgets.append(_drift("Drift: pictures", metrics, OF_PICTURES))
    return list(widgets)


def _drift(title: str, metrics: DriftMetrics, names: Mapping[str, str]) -> cloudwatch.GraphWidget:
    return graph(
        title,
        "distance from the baseline, in limits",
        *(metrics.drift(name, label=name) for name in names),
        threshold=cloudwatch.HorizontalAnnotation(value=LIMIT, label="alarm: above"),
    )
