"""Evaluates an alarm by its own metric, period by period, and lets it go back to OK.

ministack evaluates every metric of that name, whatever its dimensions, takes all periods together,
and keeps the last state when data is missing. Here an alarm is evaluated whenever data arrives or
its state is requested, and periods count back from then. CloudFormation also accepts alarms on
metric math, whose property Metrics ministack refuses; nothing evaluates them.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

import operator
import time
from collections.abc import Callable
from threading import RLock
from typing import Any

from localcloud.emulator.names import Function, around, private, replace

MODULE = "ministack.services.cloudwatch"
RECORD = "ministack.services.cloudformation.provisioners:_cw_metric_alarm_record"
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
OF_ONE_METRIC = {
    *("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Dimensions", "Unit")
}

Alarm = dict[str, Any]
Point = dict[str, Any]


def repair() -> None:
    """Replace the evaluation; evaluate for metrics of services and before alarms are described."""
    set_state: Callable[[Any, dict[str, str], bool], Any] = private(f"{MODULE}:_set_alarm_state")
    datapoints = _datapoints()
    alarms = private(f"{MODULE}:_alarms")
    lock = RLock()  # Lambda's metrics come from the threads of the calls

    def evaluate(alarm: Alarm) -> None:
        if not alarm.get("MetricName") or alarm["ComparisonOperator"] not in COMPARISONS:
            return  # metric math, anomaly detection
        with lock:
            values = datapoints(alarm)
            state = next_state(alarm, values)
            if state != alarm["StateValue"]:
                change = {
                    "AlarmName": alarm["AlarmName"],
                    "StateValue": state,
                    "StateReason": _reason(alarm, values),
                }
                set_state({}, change, True)

    replace(f"{MODULE}:_evaluate_alarm", evaluate)

    @around(f"{MODULE}:record_metric")
    def record_and_evaluate(
        record: Function, namespace: str, name: str, *rest: Any, **options: Any
    ) -> None:
        record(namespace, name, *rest, **options)
        for alarm in list(alarms.values()):
            if (alarm.get("Namespace"), alarm.get("MetricName")) == (namespace, name):
                evaluate(alarm)

    @around(f"{MODULE}:_describe_alarms")
    def evaluate_and_describe(describe: Function, *request: Any) -> Any:
        for alarm in list(alarms.values()):
            evaluate(alarm)
        return describe(*request)

    @around(RECORD)
    def record_queries(record: Function, name: str, properties: dict[str, Any]) -> dict[str, Any]:
        queries = properties.get("Metrics")
        if not queries:
            return dict(record(name, properties))
        one = {"Metrics": None, "MetricName": "any", "Namespace": "any"}
        alarm = record(name, {**properties, **one})
        kept = {key: value for key, value in alarm.items() if key not in OF_ONE_METRIC}
        return {**kept, "Metrics": queries}


def next_state(alarm: Alarm, values: list[float | None]) -> str:
    """Return the state after these values, one a period, None where there is no data."""
    breaches = COMPARISONS[alarm["ComparisonOperator"]]
    breaching = [breaches(value, alarm["Threshold"]) for value in values if value is not None]
    missing = len(values) - len(breaching)
    needed = alarm.get("DatapointsToAlarm") or len(values)
    match alarm["TreatMissingData"]:
        case "breaching":
            return "ALARM" if sum(breaching) + missing >= needed else "OK"
        case "notBreaching":
            return "ALARM" if sum(breaching) >= needed else "OK"
        case "ignore" if missing and sum(breaching) < needed <= sum(breaching) + missing:
            return str(alarm["StateValue"])
    if not breaching:
        return "INSUFFICIENT_DATA"
    return "ALARM" if sum(breaching) >= min(needed, len(breaching)) else "OK"


def _datapoints() -> Callable[[Alarm], list[float | None]]:
    metrics: Any = private(f"{MODULE}:_metrics")
    dimensions: Callable[[Any], Any] = private(f"{MODULE}:_dims_from_list")
    key_of: Callable[[Any], str] = private(f"{MODULE}:_dims_key")
    statistics: Callable[[list[Point]], dict[str, float]] = private(f"{MODULE}:_calc_stats")
    statistic: Callable[..., float | None] = private(f"{MODULE}:_stat_value")

    def values(alarm: Alarm) -> list[float | None]:
        key = (alarm["Namespace"], alarm["MetricName"], key_of(dimensions(alarm["Dimensions"])))
        periods: list[list[Point]] = [[] for _ in range(alarm["EvaluationPeriods"])]
        now = time.time()
        for point in list(metrics.get(key, [])):
            ago = int((now - point["Timestamp"]) // alarm["Period"])
            if 0 <= ago < len(periods):
                periods[ago].append(point)
        name = alarm.get("ExtendedStatistic") or alarm["Statistic"]
        return [
            statistic(statistics(points), name, points) if points else None for points in periods
        ]

    return values


def _reason(alarm: Alarm, values: list[float | None]) -> str:
    known = [f"{value:g}" for value in values if value is not None]
    return (
        f"Threshold Crossed: {len(known)} out of the last {len(values)} datapoints "
        f"[{', '.join(known)}] against {alarm['ComparisonOperator']} {alarm['Threshold']:g}"
    )
