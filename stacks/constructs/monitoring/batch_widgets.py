"""The dashboard's rows on bulk classification and batch transform.

Metrics of Map Runs: https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
"""

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events

from stacks.constructs.monitoring.delivery_alarms import undelivered
from stacks.constructs.monitoring.execution_widgets import (
    durations,
    executions,
    of_functions,
)
from stacks.constructs.monitoring.graph import FIVE_MINUTES, RED, graph
from stacks.constructs.monitoring.picture_path import PicturePath

MINUTE = cdk.Duration.minutes(1)

Row = list[cloudwatch.GraphWidget]


def batch_rows(
    *, transform: PicturePath, bulk: PicturePath | None, manifests: events.IRule
) -> list[Row]:
    """Executions of each, and the functions of both.

    No pictures: how many were accepted is in the results and in no metric.
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
    # Step Functions publishes them for the account only, without dimensions.
    def metric(name: str, label: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/States",
            metric_name=name,
            statistic="Maximum",
            period=MINUTE,
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
        period=FIVE_MINUTES,
        label="Put",
    )
    failed = undelivered(rule).with_(label="Not delivered", color=RED)
    return graph("Batch transform: manifests", "events", put, failed)
