"""Graphs of the dashboard, three in a row."""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch

FIVE_MINUTES = cdk.Duration.minutes(5)
COLUMNS = 24
THIRD = COLUMNS // 3
HEIGHT = 6

# Not by colour alone: the legend names each line, too.
GREEN, ORANGE, RED = cloudwatch.Color.GREEN, cloudwatch.Color.ORANGE, cloudwatch.Color.RED


def graph(
    title: str,
    unit: str,
    *metrics: cloudwatch.IMetric,
    threshold: cloudwatch.HorizontalAnnotation | None = None,
    stacked: bool = False,
) -> cloudwatch.GraphWidget:
    """A graph of a third of the width, from 0 up; `threshold` is a line across it."""
    return cloudwatch.GraphWidget(
        title=title,
        left=list(metrics),
        left_y_axis=cloudwatch.YAxisProps(label=unit, min=0, show_units=False),
        left_annotations=[threshold] if threshold else None,
        stacked=stacked,
        width=THIRD,
        height=HEIGHT,
    )
