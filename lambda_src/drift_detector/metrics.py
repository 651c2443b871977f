"""Name the drift detector's metrics, and publish them to CloudWatch."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .drift import Comparison

MINUTE = timedelta(minutes=1)

RECORDS = "Records"  # capture records that were read; sent with every batch, even if it is 0
UNREADABLE = "RecordsUnreadable"
"""Lines that are no record with a prediction of this model's classes, and files that are damaged
or too large: one for all that is left out of a file."""
NOT_COMPARED = "RecordsNotCompared"
"""Records that were read and may be another model's than the baseline."""
NOT_MEASURED = "PicturesNotMeasured"
"""Pictures without brightness, contrast and sharpness, such as those that are not PNG."""
COUNTS = (RECORDS, UNREADABLE, NOT_COMPARED, NOT_MEASURED)
MODEL = "Model"  # prefix of the comparisons of a new model with the one before it
DRIFT = "Drift"  # suffix of every comparison: its distance over its limit; above 1, it has moved


def drift_of(comparisons: Iterable[Comparison], *, prefix: str = "") -> dict[str, float]:
    """Return the distance over the limit of each comparison, by name of the metric."""
    return {f"{prefix}{each.name}{DRIFT}": each.ratio for each in comparisons}


@dataclass(frozen=True)
class Metrics:
    """Metrics of one endpoint."""

    cloudwatch: Any  # client that tries once: repeating a call that did arrive would count twice
    namespace: str
    endpoint_name: str

    def publish(self, values: Mapping[str, float], minute: datetime) -> None:
        """Send all values in one call, of which CloudWatch takes all or none, up to 1,000."""
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
                for name, value in values.items()
            ],
        )

    def is_published(self, minute: datetime) -> bool:
        """Return whether CloudWatch has the number of records of this minute."""
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
