"""CloudFormation takes alarms on metric math and describes them; nothing evaluates them here.

ministack refuses their property Metrics.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from localcloud.emulator.names import private, replace

RECORD = "ministack.services.cloudformation.provisioners:_cw_metric_alarm_record"
OF_ONE_METRIC = (
    "MetricName",
    "Namespace",
    "Statistic",
    "ExtendedStatistic",
    "Period",
    "Dimensions",
    "Unit",
)


def repair() -> None:
    """Keep the queries in the place of the one metric."""
    record: Callable[[str, dict[str, Any]], dict[str, Any]] = private(RECORD)

    @wraps(record)
    def record_queries(name: str, properties: dict[str, Any]) -> dict[str, Any]:
        queries = properties.get("Metrics")
        if not queries:
            return record(name, properties)
        one = {"Metrics": None, "MetricName": "any", "Namespace": "any"}
        alarm = record(name, {**properties, **one})
        kept = {key: value for key, value in alarm.items() if key not in OF_ONE_METRIC}
        return {**kept, "Metrics": queries}

    replace(RECORD, record_queries)
