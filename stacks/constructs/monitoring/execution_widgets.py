"""Graphs of a state machine's executions."""

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_

from stacks.constructs.monitoring.graph import FIVE_MINUTES, GREEN, RED, graph
from stacks.constructs.monitoring.picture_path import PicturePath

PERCENTILES = (50, 90, 99)


def executions(path: PicturePath) -> cloudwatch.GraphWidget:
    """How many began, and how they ended."""
    machine = path.state_machine
    return graph(
        f"{path.title}: executions",
        "executions",
        machine.metric_started(label="Started", period=FIVE_MINUTES),
        machine.metric_succeeded(label="Succeeded", color=GREEN, period=FIVE_MINUTES),
        machine.metric_failed(label="Failed", color=RED, period=FIVE_MINUTES),
        machine.metric_timed_out(label="Timed out", period=FIVE_MINUTES),
        machine.metric_aborted(label="Aborted", period=FIVE_MINUTES),
    )


def durations(path: PicturePath) -> cloudwatch.GraphWidget:
    """How long they took."""

    def seconds(percentile: int) -> cloudwatch.MathExpression:
        name = f"p{percentile}"
        milliseconds = path.state_machine.metric_time(statistic=name)
        return cloudwatch.MathExpression(
            expression=f"{name} / 1000",
            using_metrics={name: milliseconds},
            label=name,
            period=FIVE_MINUTES,
        )

    return graph(f"{path.title}: duration of an execution", "s", *map(seconds, PERCENTILES))


def of_functions(
    title: str,
    unit: str,
    paths: list[PicturePath],
    metric_name: str,
    statistic: str = "Sum",
) -> cloudwatch.GraphWidget:
    """One of Lambda's metrics, of each function that these call."""

    def metric(name: str, function: lambda_.IFunction) -> cloudwatch.Metric:
        return function.metric(metric_name, label=name, period=FIVE_MINUTES, statistic=statistic)

    functions = (pair for path in paths for pair in path.functions.items())
    return graph(title, unit, *(metric(name, function) for name, function in functions))
