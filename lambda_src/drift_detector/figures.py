"""Figures of drift in CloudWatch."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .drift import Comparison

MINUTE = timedelta(minutes=1)

RECORDS = "Records"
"""Capture records that were read; sent with every batch, also 0."""
UNREADABLE = "RecordsUnreadable"
"""Lines that are no record with a prediction of this model's classes, and files that are damaged
or too large: one for all that is left out of a file."""
NOT_COMPARED = "RecordsNotCompared"
"""Records that were read and may be another model's than the baseline."""
NOT_MEASURED = "PicturesNotMeasured"
"""Pictures without brightness, contrast and sharpness, as those that are not PNG."""
COUNTS = (RECORDS, UNREADABLE, NOT_COMPARED, NOT_MEASURED)
MODEL = "Model"
"""Begins the names of what compares a new model with the one before it."""
DRIFT = "Drift"
"""Ends the name of a distance over its limit, as MeanBrightnessDrift: above 1, it has moved."""


def of(comparisons: Iterable[Comparison]) -> dict[str, float]:
    """Value and distance over limit of each comparison, by name of the metric."""
    figures = {}
    for each in comparisons:
        figures[each.name] = each.value
        figures[f"{each.name}{DRIFT}"] = each.ratio
    return figures


@dataclass(frozen=True)
class Metrics:
    """Metrics of one endpoint."""

    cloudwatch: Any
    """Client that tries once: a second try of a call that did arrive would count twice."""
    namespace: str
    endpoint_name: str

    def publish(self, figures: Mapping[str, float], minute: datetime) -> None:
        """Send all figures in one call: CloudWatch takes up to 1,000, all or none."""
        self.cloudwatch.put_metric_data(
            Namespace=self.namespace,
            MetricData=[
                {
                    "MetricName": name,
                    "Dimensions": [{"Name": "EndpointName", "Value": self.endpoint_name}],
                    "Timestamp": minute,
                    "Value": value,
                    "Unit": "Count" if name in COUNTS else "None",
                }
                for name, value in figures.items()
            ],
        )

    def is_published(self, minute: datetime) -> bool:
        """Whether CloudWatch has the number of records of this minute."""
        found = self.cloudwatch.get_metric_statistics(
            Namespace=self.namespace,
            MetricName=RECORDS,
            Dimensions=[{"Name": "EndpointName", "Value": self.endpoint_name}],
            StartTime=minute,
            EndTime=minute + MINUTE,
            Period=int(MINUTE.total_seconds()),
            Statistics=["SampleCount"],
        )
        return bool(found["Datapoints"])
