"""Metrics of CloudWatch, and the log lines of which metric filters make some of them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from localcloud.demo.acceptance.check import Finding, check, confirmed_if, first_of
from localcloud.demo.acceptance.context import Context, classified, once, spoiled
from operations.aws import session

NOT_OURS_ALONE = ("VariantName",)
"""Dimensions whose values other endpoints of the account have as well."""


@dataclass(frozen=True, order=True)
class Metric:
    """A metric as an alarm or a metric filter names it."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> "Metric":
        """Return the metric of an answer of CloudWatch."""
        pairs = sorted((each["Name"], each["Value"]) for each in described.get("Dimensions", ()))
        return cls(described["Namespace"], described["MetricName"], tuple(pairs))

    def __str__(self) -> str:
        """Return its name and the names of its dimensions: values are long."""
        return f"{self.name} by {', '.join(self.names) or 'nothing'}"

    @property
    def names(self) -> list[str]:
        """Return the names of its dimensions."""
        return [name for name, _ in self.dimensions]

    @property
    def owners(self) -> set[str]:
        """Return the values that resources of others do not have."""
        return {value for name, value in self.dimensions if name not in NOT_OURS_ALONE}

    def listed(self, dimensions: tuple[tuple[str, str], ...]) -> Iterator["Metric"]:
        """Yield the metrics of this name that ListMetrics has with at least these dimensions."""
        pages = session().client("cloudwatch").get_paginator("list_metrics")
        for page in pages.paginate(
            Namespace=self.namespace,
            MetricName=self.name,
            Dimensions=[{"Name": name, "Value": value} for name, value in dimensions],
        ):
            yield from map(Metric.of, page["Metrics"])

    def elsewhere(self) -> "Metric | None":
        """Return a metric of this name and of our resources, with other dimensions."""
        for each in self.listed(()):
            if each.names != self.names and each.owners & self.owners:
                return each
        return None


@dataclass(frozen=True)
class CountedLines:
    """A metric filter as CloudWatch Logs describes it, and the messages that it matches."""

    filter: Mapping[str, Any]
    messages: list[str]

    def lacking(self) -> set[str]:
        """Return the fields that a message lacks."""
        fields = {
            field
            for each in self.filter["metricTransformations"]
            for field in each.get("dimensions", {}).values()
        }
        return {each for each in fields if None in (value_of(m, each) for m in self.messages)}

    def metrics(self) -> set[Metric]:
        """Return what the filter writes of these messages."""
        return {
            Metric(
                each["metricNamespace"],
                each["metricName"],
                tuple(
                    sorted(
                        (name, str(value_of(message, field)))
                        for name, field in each.get("dimensions", {}).items()
                    )
                ),
            )
            for each in self.filter["metricTransformations"]
            for message in self.messages
        }


def value_of(message: str, field: str) -> Any:
    """Return the value of a field such as `$.details.name`; None if there is none."""
    try:
        value = json.loads(message)
    except ValueError:
        return None
    for name in field.removeprefix("$.").split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


@once
def counted_lines(context: Context) -> list[CountedLines]:
    """Wait for the log lines of the executions; return what each metric filter has counted."""
    expected = _pictures(context)
    names = [physical for _, _, physical in context.resources("AWS::Logs::MetricFilter")]
    found: list[CountedLines] = []

    def all_logged() -> bool | None:
        found[:] = [_read(name, since=context.began) for name in names]
        return True if sum(len(each.messages) for each in found) >= expected else None

    context.wait_for("log lines", all_logged, aws=300)
    return found


def _pictures(context: Context) -> int:
    """Return how many pictures the workflow has judged, in all executions."""
    return len(classified(context)[0]["results"]) + len(spoiled(context)["results"])


def _read(filter_name: str, *, since: datetime) -> CountedLines:
    client = session().client("logs")
    (found,) = (
        each
        for each in client.describe_metric_filters(filterNamePrefix=filter_name)["metricFilters"]
        if each["filterName"] == filter_name
    )
    pages = client.get_paginator("filter_log_events").paginate(
        logGroupName=found["logGroupName"],
        filterPattern=found["filterPattern"],
        startTime=int(since.timestamp() * 1000),
    )
    return CountedLines(found, [each["message"] for page in pages for each in page["events"]])


@check(
    expected="one event for each picture of the executions, with the filter's dimensions",
    section="Operations",
    aws_only=True,
)
def log_fields(context: Context) -> Finding:
    """The logs behind the metric filters have the fields that these count by."""
    expected, found = _pictures(context), counted_lines(context)
    lacking = {each for filtered in found for each in filtered.lacking()}
    events = sum(len(filtered.messages) for filtered in found)
    logs = ", ".join(f"{len(each.messages)} in {each.filter['logGroupName']}" for each in found)
    seen = f"{events} events of {expected}: {logs}; lacking: {first_of(lacking)}"
    return confirmed_if(events == expected and not lacking, seen)
