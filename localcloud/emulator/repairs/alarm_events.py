"""Sends an event to EventBridge's default bus when an alarm changes its state; ministack does not.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
"""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from localcloud.emulator.names import Function, around, private

# What ministack calls at every change, just after it wrote the alarm's history.
DISPATCH = "ministack.services.cloudwatch:_dispatch_alarm_actions"

Alarm = dict[str, Any]


def repair() -> None:
    """Send the event after the alarm's own actions."""
    put_events: Callable[..., Any] = private("ministack.services.eventbridge:_put_events")
    history: Callable[[], list[Any]] = private("ministack.services.cloudwatch:_history_entries")

    @around(DISPATCH)
    def dispatch_and_send(
        dispatch: Function, alarm: Alarm, old_state: str, new_state: str, reason: str
    ) -> None:
        dispatch(alarm, old_state, new_state, reason)
        latest, *earlier = (
            each for each in reversed(history()) if each["AlarmName"] == alarm["AlarmName"]
        )
        before = _state(earlier[0]) if earlier else {"value": old_state}
        detail = {
            "alarmName": alarm["AlarmName"],
            "state": _state(latest),
            "previousState": before,
            "configuration": _configuration(alarm),
        }
        event = {
            "Source": "aws.cloudwatch",
            "DetailType": "CloudWatch Alarm State Change",
            "Resources": [alarm["AlarmArn"]],
            "Detail": json.dumps(detail),
        }
        put_events({"Entries": [event]}, allow_aws_source=True)


def _state(entry: dict[str, str]) -> dict[str, str]:
    state = json.loads(entry["HistoryData"])["newState"]
    time = datetime.strptime(entry["Timestamp"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return {
        "value": state["stateValue"],
        "reason": state["stateReason"],
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
    }


def _configuration(alarm: Alarm) -> dict[str, Any]:
    description = alarm["AlarmDescription"]
    queries = alarm.get("Metrics") or [
        {
            "Id": str(uuid.uuid4()),
            "MetricStat": {
                "Metric": alarm,
                "Period": alarm["Period"],
                "Stat": alarm.get("ExtendedStatistic") or alarm["Statistic"],
            },
        }
    ]
    return {
        **({"description": description} if description else {}),
        "metrics": [_query(each) for each in queries],
    }


def _query(query: dict[str, Any]) -> dict[str, Any]:
    shown = {"id": query["Id"], "returnData": query.get("ReturnData", True)}
    if "Expression" in query:
        return {**shown, "expression": query["Expression"], "label": query.get("Label", "")}
    stat = query["MetricStat"]
    metric = stat["Metric"]
    return {
        **shown,
        "metricStat": {
            "metric": {
                "namespace": metric["Namespace"],
                "name": metric["MetricName"],
                "dimensions": {
                    each["Name"]: each["Value"] for each in metric.get("Dimensions", [])
                },
            },
            "period": stat["Period"],
            "stat": stat["Stat"],
        },
    }
