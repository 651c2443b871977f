"""What is assumed of CloudWatch: which metrics there are, that alarms and dashboard use them."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from localcloud.demo.acceptance.check import Check, Finding, Verdict, check, confirmed_if, first_of
from localcloud.demo.acceptance.context import Context, NotReachedError
from operations.aws import session

SECTION = "Operations"
NAMESPACES = ("AWS/SageMaker", "AWS/States", "AWS/Lambda", "AWS/Events")
"""Those that AWS's services write; what is in another namespace, the application writes."""
NOT_OURS_ALONE = ("VariantName",)
"""Dimensions whose values other endpoints of the account have, too."""
DRAWN = ("annotations", "metrics", "period", "stacked", "stat", "title", "view", "yAxis")
"""Properties of a dashboard's widget that GetMetricWidgetImage takes, by its documentation:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Metric-Widget-Structure.html
"""
LISTED_SECONDS = 900.0
"""How long ListMetrics may lag behind what is written, by its documentation."""
EVALUATED_SECONDS = {"aws": 300.0, "local": 0.0}


@dataclass(frozen=True, order=True)
class Metric:
    """A metric as an alarm or a metric filter names it."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, described: dict[str, Any]) -> "Metric":
        """Return the metric of an answer of CloudWatch."""
        pairs = sorted((each["Name"], each["Value"]) for each in described.get("Dimensions", ()))
        return cls(described["Namespace"], described["MetricName"], tuple(pairs))

    def __str__(self) -> str:
        """Return its name and the names of its dimensions: values are long."""
        return f"{self.name} by {', '.join(self.names) or 'nothing'}"

    def is_listed(self) -> bool:
        """Return whether ListMetrics has it with exactly these dimensions."""
        return any(each == self for each in self._listed(self.dimensions))

    def elsewhere(self) -> "Metric | None":
        """Return a metric of this name and of our resources, with other dimensions."""
        for each in self._listed(()):
            if each.names != self.names and each._owners & self._owners:
                return each
        return None

    @property
    def names(self) -> list[str]:
        """Return the names of its dimensions."""
        return [name for name, _ in self.dimensions]

    @property
    def _owners(self) -> set[str]:
        """Return the values that no resource of others has."""
        return {value for name, value in self.dimensions if name not in NOT_OURS_ALONE}

    def _listed(self, dimensions: tuple[tuple[str, str], ...]) -> Iterator["Metric"]:
        pages = (
            session()
            .client("cloudwatch")
            .get_paginator("list_metrics")
            .paginate(
                Namespace=self.namespace,
                MetricName=self.name,
                Dimensions=[{"Name": name, "Value": value} for name, value in dimensions],
            )
        )
        for page in pages:
            yield from map(Metric.of, page["Metrics"])


def alarms(context: Context) -> list[dict[str, Any]]:
    """Return the alarms of the environment as CloudWatch describes them.

    Raises:
        NotReachedError: there are none, or the deployment failed.
    """
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


def metrics_of(alarm: dict[str, Any]) -> Iterator[Metric]:
    """Yield every metric that an alarm looks at, those of its expressions among them."""
    if "MetricName" in alarm:
        yield Metric.of(alarm)
    for query in alarm.get("Metrics", ()):
        if "MetricStat" in query:
            yield Metric.of(query["MetricStat"]["Metric"])


def _look(namespace: str | None, context: Context) -> Finding:
    """Look for each metric of a namespace; None is all others."""
    used = sorted(
        {
            metric
            for alarm in alarms(context)
            for metric in metrics_of(alarm)
            if (metric.namespace == namespace if namespace else metric.namespace not in NAMESPACES)
        }
    )
    if namespace is None:
        counted = {each for lines in context.counted_lines() for each in lines.metrics()}
        used += sorted(Metric(*each) for each in counted)
    if not used:
        return Finding(Verdict.NOT_REACHED, "no alarm of these settings uses it")
    lacking = list(used)

    def all_listed() -> bool | None:
        lacking[:] = [metric for metric in lacking if not metric.is_listed()]
        return None if lacking else True

    context.wait_for(
        f"metrics of {namespace or 'our own'}",
        all_listed,
        within={"aws": context.seconds_left_after_the_load(LISTED_SECONDS), "local": 0},
    )
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


def _metrics_check(namespace: str | None) -> Check:
    return Check(
        name=f"metrics_of_{(namespace or 'our own').replace('/', '_').replace(' ', '_').lower()}",
        assumption=f"Metrics of {namespace}, as the alarms name them, have these names and "
        "dimensions"
        if namespace
        else "Metrics that the application writes, the metric filter's among them, have the names "
        "and dimensions that the alarms use",
        expected="ListMetrics returns each with exactly the alarm's dimensions",
        section=SECTION,
        look=partial(_look, namespace),
        aws_only=True,
    )


METRICS_CHECKS = tuple(_metrics_check(namespace) for namespace in (*NAMESPACES, None))


@check(
    "CloudWatch evaluates every alarm, those on metric math, too",
    expected="no alarm has insufficient data",
    section=SECTION,
    aws_only=True,
)
def alarms_are_evaluated(context: Context) -> Finding:
    """Look at the state of each."""

    def evaluated() -> bool | None:
        states = {each["StateValue"] for each in alarms(context)}
        return None if "INSUFFICIENT_DATA" in states else True

    context.wait_for("the alarms", evaluated, within=EVALUATED_SECONDS)
    found = alarms(context)
    waiting = [each["AlarmName"] for each in found if each["StateValue"] == "INSUFFICIENT_DATA"]
    fired = [each["AlarmName"] for each in found if each["StateValue"] == "ALARM"]
    seen = f"{len(found)} alarms; insufficient data: {first_of(waiting)}; fired: {first_of(fired)}"
    return confirmed_if(not waiting, seen)


@check(
    "CloudWatch draws every graph of the dashboard",
    expected="GetMetricWidgetImage answers each with a picture",
    section=SECTION,
    aws_only=True,
)
def dashboard_is_drawn(context: Context) -> Finding:
    """Let CloudWatch draw each."""
    client = session().client("cloudwatch")
    drawn, refused = 0, []
    for _, _, name in context.resources("AWS::CloudWatch::Dashboard"):
        body = json.loads(client.get_dashboard(DashboardName=name)["DashboardBody"])
        for widget in body["widgets"]:
            if widget["type"] != "metric":
                continue
            graph = {name: widget["properties"].get(name) for name in DRAWN}
            given = {name: value for name, value in graph.items() if value is not None}
            try:
                client.get_metric_widget_image(MetricWidget=json.dumps(given))
            except client.exceptions.ClientError as error:
                refused.append(f"{widget['properties'].get('title')}: {error}")
            else:
                drawn += 1
    seen = f"{drawn} graphs; refused: {len(refused)}{': ' if refused else ''}{refused[:1]}"
    return confirmed_if(bool(drawn) and not refused, seen)


@check(
    "Invocations divided by InvocationsPerInstance is the number of instances",
    expected="the number of instances that were deployed, before the update",
    section=SECTION,
    aws_only=True,
)
def ratio_is_the_number_of_instances(context: Context) -> Finding:
    """Divide the two for the time of the first executions."""
    endpoint = context.endpoint()
    variant = endpoint["ProductionVariants"][0]
    client = session().client("cloudwatch")

    def total(name: str) -> float:
        points = client.get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName=name,
            Dimensions=[
                {"Name": "EndpointName", "Value": endpoint["EndpointName"]},
                {"Name": "VariantName", "Value": variant["VariantName"]},
            ],
            StartTime=context.began,
            EndTime=context.updated().began,
            Period=300,
            Statistics=["Sum"],
        )["Datapoints"]
        return float(sum(point["Sum"] for point in points))

    per_instance = total("InvocationsPerInstance")
    if not per_instance:
        return Finding(Verdict.REFUTED, "InvocationsPerInstance has no data")
    ratio = total("Invocations") / per_instance
    return confirmed_if(
        abs(ratio - variant["CurrentInstanceCount"]) < 0.01,
        f"{ratio:.2f}, of {variant['CurrentInstanceCount']} instances",
    )
