"""Log lines that the deployed metric filters count."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from operations.aws import session

SAMPLES = 50
"""Lines that TestMetricFilter takes at most."""


@dataclass(frozen=True)
class CountedLines:
    """A metric filter as CloudWatch Logs describes it, and the messages that it matches."""

    filter: Mapping[str, Any]
    messages: list[str]

    @property
    def log_group(self) -> str:
        """Return the log that the filter belongs to."""
        return str(self.filter["logGroupName"])

    def lacking(self) -> set[str]:
        """Return what the messages lack: fields, or a match by CloudWatch Logs' own test."""
        if not self.messages:
            return set()  # what does not happen is not logged
        fields = {
            field for each in self._transformations for field in each.get("dimensions", {}).values()
        }
        lacking = {each for each in fields if None in (value_of(m, each) for m in self.messages)}
        sample = self.messages[:SAMPLES]
        matches = (
            session()
            .client("logs")
            .test_metric_filter(
                filterPattern=self.filter["filterPattern"], logEventMessages=sample
            )["matches"]
        )
        if len(matches) != len(sample):
            lacking.add(f"{len(sample) - len(matches)} matches by TestMetricFilter")
        return lacking

    def metrics(self) -> set[tuple[str, str, tuple[tuple[str, str], ...]]]:
        """Return namespace, name and dimensions of what the filter writes of these messages."""
        return {
            (
                each["metricNamespace"],
                each["metricName"],
                tuple(
                    sorted(
                        (name, str(value_of(message, field)))
                        for name, field in each.get("dimensions", {}).items()
                    )
                ),
            )
            for each in self._transformations
            for message in self.messages
        }

    @property
    def _transformations(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.filter["metricTransformations"]
        return found


def read(filter_name: str, *, since: datetime) -> CountedLines:
    """Return the metric filter of this name, and what it has counted since then."""
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


def value_of(message: str, field: str) -> Any:
    """Return the value of a field such as `$.details.name`; None if there is none."""
    try:
        value = json.loads(message)
    except ValueError:
        return None
    for name in field.removeprefix("$.").split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value
