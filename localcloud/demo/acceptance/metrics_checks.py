"""Assumptions about CloudWatch's metrics, and about the alarms and the dashboard on them."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from localcloud.demo.acceptance.check import Check, Finding, Verdict, check, confirmed_if, first_of
from localcloud.demo.acceptance.context import (
    Context,
    NotReachedError,
    endpoint,
)
from localcloud.demo.acceptance.endpoint_checks import updated
from localcloud.demo.acceptance.metrics import Metric, counted_lines
from localcloud.demo.acceptance.update import Update
from operations.aws import session

SECTION = "Operations"
NAMESPACES = ("AWS/SageMaker", "AWS/States", "AWS/Lambda", "AWS/Events")
"""Namespaces of AWS's services; the application writes to the others."""
DRAWN = ("annotations", "metrics", "period", "stacked", "stat", "title", "view", "yAxis")
"""Properties of a dashboard's widget that GetMetricWidgetImage takes, by its documentation:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Metric-Widget-Structure.html
"""
LISTED_SECONDS = 900.0
"""How long ListMetrics may lag behind what is written, by its documentation."""


def alarms(context: Context) -> list[dict[str, Any]]:
    """Return the alarms of the environment from CloudWatch; raise NotReachedError without any."""
    context.require_deployed()
    prefix = context.application.settings.stack_name("")
    pages = session().client("cloudwatch").get_paginator("describe_alarms")
    found = [
        dict(each)
        for page in pages.paginate(AlarmNamePrefix=prefix)
        for each in page["MetricAlarms"]
    ]
    if not found:
        raise NotReachedError(f"there is no alarm whose name begins with {prefix}")
    return found


def metrics_of(alarm: Mapping[str, Any]) -> Iterator[Metric]:
    """Yield every metric of an alarm, those of its expressions included."""
    if "MetricName" in alarm:
        yield Metric.of(alarm)
    for query in alarm.get("Metrics", ()):
        if "MetricStat" in query:
            yield Metric.of(query["MetricStat"]["Metric"])


def _look(namespace: str | None, context: Context) -> Finding:
    """Look for each metric of a namespace; None stands for all that are not AWS's."""
    used = {
        metric
        for alarm in alarms(context)
        for metric in metrics_of(alarm)
        if (metric.namespace == namespace if namespace else metric.namespace not in NAMESPACES)
    }
    if namespace is None:
        used |= {metric for each in counted_lines(context) for metric in each.metrics()}
    if not used:
        raise NotReachedError("no alarm of these settings uses it")
    lacking = sorted(used)

    def all_listed() -> bool | None:
        lacking[:] = [each for each in lacking if each not in each.listed(each.dimensions)]
        return None if lacking else True

    # Load on the endpoint writes metrics, the last of them during the update.
    update = context.evidence.get(("updated",))
    last = update.ended if isinstance(update, Update) else datetime.now(UTC)
    left = LISTED_SECONDS - (datetime.now(UTC) - last).total_seconds()
    context.wait_for(f"metrics of {namespace or 'our own'}", all_listed, aws=left)
    listed = f"{len(used) - len(lacking)} of {len(used)} are listed"
    wrong = [(metric, other) for metric in lacking if (other := metric.elsewhere())]
    if wrong:
        pairs = "; ".join(f"{metric}, but there is {other}" for metric, other in wrong)
        return Finding(Verdict.REFUTED, f"{listed}; {pairs}")
    if lacking:
        never = Counter(map(str, lacking))
        names = ", ".join(f"{name} ({number})" for name, number in sorted(never.items()))
        return Finding(Verdict.NOT_SHOWN, f"{listed}; nothing wrote: {names}")
    return Finding(Verdict.CONFIRMED, listed)


METRICS_CHECKS = tuple(
    Check(
        name=f"metrics_of_{(namespace or 'our own').replace('/', '_').replace(' ', '_').lower()}",
        assumption=f"Metrics of {namespace} have the names and dimensions that the alarms use"
        if namespace
        else "Metrics that the application writes, including those of metric filters, have the "
        "names and dimensions that the alarms use",
        expected="ListMetrics returns each with exactly the alarm's dimensions",
        section=SECTION,
        look=partial(_look, namespace),
        aws_only=True,
    )
    for namespace in (*NAMESPACES, None)
)


@check(expected="no alarm has insufficient data", section=SECTION, aws_only=True)
def alarms_are_evaluated(context: Context) -> Finding:
    """CloudWatch evaluates every alarm, including those on metric math."""

    def waiting() -> list[str]:
        return [
            each["AlarmName"]
            for each in alarms(context)
            if each["StateValue"] == "INSUFFICIENT_DATA"
        ]

    context.wait_for("the alarms", lambda: None if waiting() else True, aws=300)
    found, without_data = alarms(context), waiting()
    fired = [each["AlarmName"] for each in found if each["StateValue"] == "ALARM"]
    return confirmed_if(
        not without_data,
        f"{len(found)} alarms; insufficient data: {first_of(without_data)}; "
        f"fired: {first_of(fired)}",
    )


@check(expected="GetMetricWidgetImage answers each with a picture", section=SECTION, aws_only=True)
def dashboard_is_drawn(context: Context) -> Finding:
    """CloudWatch draws every graph of the dashboard."""
    client = session().client("cloudwatch")
    drawn, refused = 0, []
    for _, _, name in context.resources("AWS::CloudWatch::Dashboard"):
        body = json.loads(client.get_dashboard(DashboardName=name)["DashboardBody"])
        for widget in body["widgets"]:
            if widget["type"] != "metric":
                continue
            properties = widget["properties"]
            graph = {name: properties[name] for name in DRAWN if properties.get(name) is not None}
            try:
                client.get_metric_widget_image(MetricWidget=json.dumps(graph))
            except client.exceptions.ClientError as error:
                refused.append(f"{properties.get('title')}: {error}")
            else:
                drawn += 1
    seen = f"{drawn} graphs; refused: {len(refused)}{': ' if refused else ''}{refused[:1]}"
    return confirmed_if(bool(drawn) and not refused, seen)


@check(
    expected="the number of instances that were deployed, before the update",
    section=SECTION,
    aws_only=True,
)
def ratio_is_the_number_of_instances(context: Context) -> Finding:
    """Invocations divided by InvocationsPerInstance is the number of instances."""
    deployed, client = endpoint(context), session().client("cloudwatch")
    variant = deployed["ProductionVariants"][0]

    def total(name: str) -> float:
        points = client.get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName=name,
            Dimensions=[
                {"Name": "EndpointName", "Value": deployed["EndpointName"]},
                {"Name": "VariantName", "Value": variant["VariantName"]},
            ],
            StartTime=context.began,
            EndTime=updated(context).began,
            Period=300,
            Statistics=["Sum"],
        )["Datapoints"]
        return float(sum(point["Sum"] for point in points))

    per_instance = total("InvocationsPerInstance")
    if not per_instance:
        return Finding(Verdict.REFUTED, "InvocationsPerInstance has no data")
    ratio, instances = total("Invocations") / per_instance, variant["CurrentInstanceCount"]
    return confirmed_if(abs(ratio - instances) < 0.01, f"{ratio:.2f}, of {instances} instances")
