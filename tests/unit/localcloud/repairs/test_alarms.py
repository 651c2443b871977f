"""Alarms treat periods without data as their settings say.

Cases: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

import pytest

from localcloud.emulator.repairs.alarms import next_state


def state(treat: str, values: list[float | None], *, needed: int = 3, before: str = "OK") -> str:
    alarm = {
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 10,
        "DatapointsToAlarm": needed,
        "TreatMissingData": treat,
        "StateValue": before,
    }
    return next_state(alarm, values)


HIGH, LOW = 20.0, 5.0


@pytest.mark.parametrize(
    ("treat", "expected"),
    [
        ("missing", "INSUFFICIENT_DATA"),
        ("ignore", "OK"),
        ("breaching", "ALARM"),
        ("notBreaching", "OK"),
    ],
)
def test_no_data_at_all(treat: str, expected: str) -> None:
    assert state(treat, [None, None, None]) == expected


@pytest.mark.parametrize(
    ("treat", "expected"),
    [("missing", "ALARM"), ("ignore", "OK"), ("breaching", "ALARM"), ("notBreaching", "OK")],
)
def test_one_breaching_period_and_nothing_else(treat: str, expected: str) -> None:
    assert state(treat, [None, None, HIGH]) == expected


@pytest.mark.parametrize("treat", ["missing", "ignore", "breaching", "notBreaching"])
def test_all_periods_there(treat: str) -> None:
    assert state(treat, [HIGH, HIGH, HIGH]) == "ALARM"
    assert state(treat, [HIGH, LOW, HIGH], before="ALARM") == "OK"
    assert state(treat, [HIGH, LOW, HIGH], needed=2) == "ALARM"


def test_ignored_periods_keep_the_alarm_until_they_cannot_matter() -> None:
    assert state("ignore", [HIGH, None, HIGH], before="ALARM") == "ALARM"
    assert state("ignore", [LOW, None, HIGH], before="ALARM") == "OK"
