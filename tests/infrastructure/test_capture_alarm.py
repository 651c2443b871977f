"""Capture that has gone silent, told from sampling that chose none."""

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk.assertions import Template

from settings.loader import validate
from stacks.constructs.monitoring.drift_alarms import CaptureAlarm, enough_calls


@pytest.mark.parametrize("percentage", [1, 10, 50, 95])
def test_so_many_calls_are_hardly_ever_all_left_out(percentage: int) -> None:
    chance = 1 - percentage / 100

    assert chance ** enough_calls(percentage) <= 1e-6
    assert chance ** (enough_calls(percentage) - 1) > 1e-6


def alarm_with(**capture: Any) -> dict[str, Any]:
    stack = cdk.Stack()
    records = cloudwatch.Metric(namespace="Scones", metric_name="Records")
    settings = validate({"capture": capture}, environment="test", source="a test")
    CaptureAlarm(stack, settings=settings, records=records)
    (alarm,) = Template.from_stack(stack).find_resources("AWS::CloudWatch::Alarm").values()
    properties: dict[str, Any] = alarm["Properties"]
    return properties


def test_calls_without_records_for_three_hours_are_an_alarm() -> None:
    alarm = alarm_with()

    silent, *metrics = alarm["Metrics"]
    assert silent["Expression"] == "IF(calls >= 1 AND FILL(records, 0) == 0, 1, 0)"
    used = {each["Id"]: each["MetricStat"] for each in metrics}
    assert used["calls"]["Metric"]["MetricName"] == "Invocations"
    assert used["records"]["Metric"]["MetricName"] == "Records"
    assert {(each["Stat"], each["Period"]) for each in used.values()} == {("Sum", 3600)}
    assert alarm["EvaluationPeriods"] == alarm["DatapointsToAlarm"] == 3
    assert alarm["TreatMissingData"] == "notBreaching"


def test_sampling_asks_for_more_calls() -> None:
    alarm = alarm_with(sampling_percentage=10)

    assert alarm["Metrics"][0]["Expression"].startswith(f"IF(calls >= {enough_calls(10)} AND")
