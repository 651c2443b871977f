"""Graphs of the dashboard, three in a row."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_

from stacks.constructs.common.operational_alarm import PERIOD
from stacks.constructs.common.state_machine import PicturePath
from stacks.constructs.monitoring.delivery_alarms import undelivered
from stacks.constructs.monitoring.drift_alarms import LIMIT
from stacks.constructs.monitoring.drift_detector import (
    COUNTS,
    OF_PICTURES,
    OF_REPLIES,
    DriftMetrics,
)

COLUMNS = 24
THIRD = COLUMNS // 3
HEIGHT = 6
PERCENTILES = (50, 90, 99)

# Not by colour alone: the legend names each line as well.
GREEN, ORANGE, RED = cloudwatch.Color.GREEN, cloudwatch.Color.ORANGE, cloudwatch.Color.RED

Row: TypeAlias = list[cloudwatch.GraphWidget]


def graph(
    title: str,
    unit: str,
    *metrics: cloudwatch.IMetric,
    threshold: cloudwatch.HorizontalAnnotation | None = None,
    stacked: bool = False,
) -> cloudwatch.GraphWidget:
    """Return a graph of a third of the width, from 0 up; `threshold` is a line across it."""
    return cloudwatch.GraphWidget(
        title=title,
        left=list(metrics),
        left_y_axis=cloudwatch.YAxisProps(label=unit, min=0, show_units=False),
        left_annotations=[threshold] if threshold else None,
        stacked=stacked,
        width=THIRD,
        height=HEIGHT,
    )


def executions(path: PicturePath) -> cloudwatch.GraphWidget:
    """Return the executions that started, by how they ended."""
    machine = path.state_machine
    return graph(
        f"{path.title}: executions",
        "executions",
        machine.metric_started(label="Started", period=PERIOD),
        machine.metric_succeeded(label="Succeeded", color=GREEN, period=PERIOD),
        machine.metric_failed(label="Failed", color=RED, period=PERIOD),
        machine.metric_timed_out(label="Timed out", period=PERIOD),
        machine.metric_aborted(label="Aborted", period=PERIOD),
    )


def durations(path: PicturePath) -> cloudwatch.GraphWidget:
    """Return the duration of executions."""

    def seconds(percentile: int) -> cloudwatch.MathExpression:
        name = f"p{percentile}"
        milliseconds = path.state_machine.metric_time(statistic=name)
        return cloudwatch.MathExpression(
            expression=f"{name} / 1000",
            using_metrics={name: milliseconds},
            label=name,
            period=PERIOD,
        )

    return graph(f"{path.title}: duration of an execution", "s", *map(seconds, PERCENTILES))


def of_functions(
    title: str, unit: str, paths: Sequence[PicturePath], metric: str, statistic: str = "Sum"
) -> cloudwatch.GraphWidget:
    """Return a metric of Lambda, with a line for each function of the paths."""

    def line(name: str, function: lambda_.IFunction) -> cloudwatch.Metric:
        return function.metric(metric, label=name, period=PERIOD, statistic=statistic)

    functions = (pair for path in paths for pair in path.functions.items())
    return graph(title, unit, *(line(name, function) for name, function in functions))


def batch_rows(
    transform: PicturePath, bulk: PicturePath | None, manifests: events.IRule
) -> list[Row]:
    """Return the executions of both, and the functions of both.

    Pictures are not shown: how many were accepted is in the results and in no metric.
    """
    rows = [[executions(bulk), durations(bulk), _map_runs()]] if bulk else []
    rows.append([executions(transform), durations(transform), _manifests(manifests)])
    paths = [bulk, transform] if bulk else [transform]
    concurrent = ("ConcurrentExecutions", "Maximum")
    rows.append(
        [
            of_functions("Batch functions: errors", "errors", paths, "Errors"),
            of_functions("Batch functions: throttled calls", "calls", paths, "Throttles"),
            of_functions("Batch functions: calls at a time", "calls", paths, *concurrent),
        ]
    )
    return rows


def _map_runs() -> cloudwatch.GraphWidget:
    # Step Functions publishes them for the whole account only, without dimensions:
    # https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
    def metric(name: str, label: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/States",
            metric_name=name,
            statistic="Maximum",
            period=cdk.Duration.minutes(1),
            label=label,
        )

    return graph(
        "Bulk classification: Map Runs of the whole account",
        "Map Runs",
        metric("ApproximateOpenMapRunCount", "Open"),
        metric("ApproximateMapRunBacklogSize", "Waiting for the quota"),
    )


def _manifests(rule: events.IRule) -> cloudwatch.GraphWidget:
    put = cloudwatch.Metric(
        namespace="AWS/Events",
        metric_name="TriggeredRules",
        dimensions_map={"RuleName": rule.rule_name},
        statistic="Sum",
        period=PERIOD,
        label="Put",
    )
    failed = undelivered(rule).with_(label="Not delivered", color=RED)
    return graph("Batch transform: manifests", "events", put, failed)


def drift_row(metrics: DriftMetrics) -> Row:
    """Return the captures that were read, and the drift of replies and captured pictures."""
    counts = (metrics.count(name, label=name) for name in COUNTS)
    row = [
        graph("Drift: captures that were read", "captures", *counts),
        _drift("Drift: replies", metrics, OF_REPLIES),
    ]
    if metrics.has_pictures:
        row.append(_drift("Drift: pictures", metrics, OF_PICTURES))
    return row


def _drift(title: str, metrics: DriftMetrics, names: Mapping[str, str]) -> cloudwatch.GraphWidget:
    return graph(
        title,
        "distance from the baseline, in limits",
        *(metrics.drift(name, label=name) for name in names),
        threshold=cloudwatch.HorizontalAnnotation(value=LIMIT, label="alarm: above"),
    )
