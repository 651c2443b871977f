"""The alarms: what they watch, and when they fire."""

import json
from typing import Any

import pytest
from aws_cdk.assertions import Template

from stacks.constructs.common.operational_alarm import SHOWN_ONLY
from tests.infrastructure.templates import (
    BULK,
    ENDPOINT,
    MACHINES,
    TRANSFORM,
    VARIED,
    WORKFLOW,
    alarms_of,
    dimensions_of,
    monitoring_with,
    templates_with,
)


@pytest.fixture(scope="module")
def template() -> Template:
    return monitoring_with()


# --- alarms --------------------------------------------------------------------------------------


def test_alarms_are_quiet_without_data_and_say_what_to_do(template: Template) -> None:
    alarms = alarms_of(template)

    assert len(alarms) == 40
    for name, alarm in alarms.items():
        assert alarm["TreatMissingData"] == "notBreaching", name
        assert alarm["ComparisonOperator"] == "GreaterThanThreshold", name
        assert "AlarmActions" not in alarm, name  # a rule of the workflow stack reports them
        assert len(alarm["AlarmDescription"].split(". ")) >= 2, name
        assert len(alarm["AlarmDescription"]) <= 1024, name


@pytest.mark.parametrize(
    ("name", "metric", "statistic", "threshold"),
    [
        ("EndpointErrors5XX", "Invocation5XXErrors", "Average", 0.02),
        ("EndpointErrors4XX", "Invocation4XXErrors", "Average", 0.02),
        ("EndpointModelLatency", "ModelLatency", "p90", 250_000),
        ("EndpointOverheadLatency", "OverheadLatency", "p90", 250_000),
    ],
)
def test_errors_and_latency_of_the_endpoint(
    name: str, metric: str, statistic: str, threshold: float
) -> None:
    alarm = alarms_of(monitoring_with(**VARIED))[name]

    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/SageMaker", metric)
    assert dimensions_of(alarm) == ENDPOINT
    assert alarm.get("Statistic", alarm.get("ExtendedStatistic")) == statistic
    assert alarm["Threshold"] == pytest.approx(threshold)
    assert (alarm["Period"], alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"]) == (60, 3, 5)


def test_any_throttled_call_of_a_function_is_an_alarm(template: Template) -> None:
    throttles = [
        alarm for alarm in alarms_of(template).values() if alarm.get("MetricName") == "Throttles"
    ]

    watched = [dimensions_of(alarm)["FunctionName"] for alarm in throttles]
    assert watched == [*WORKFLOW, *TRANSFORM, *BULK]
    assert {(alarm["Statistic"], alarm["Threshold"]) for alarm in throttles} == {("Sum", 0)}


def test_many_errors_of_calls_for_pictures_are_an_alarm_and_few_are_not(template: Template) -> None:
    alarms = [
        alarm
        for name, alarm in alarms_of(template).items()
        if name.endswith("Errors") and "Metrics" in alarm
    ]

    watched = []
    for alarm in alarms:
        share, *metrics = alarm["Metrics"]
        assert share["Expression"] == "IF(errors >= 10, 100 * errors / calls, 0)"
        assert share["ReturnData"] is True
        assert alarm["Threshold"] == 5
        by_id = {each["Id"]: each["MetricStat"] for each in metrics}
        assert by_id["errors"]["Metric"]["MetricName"] == "Errors"
        assert by_id["calls"]["Metric"]["MetricName"] == "Invocations"
        assert {each["Stat"] for each in by_id.values()} == {"Sum"}
        (function,) = {dimensions_of(each["Metric"])["FunctionName"] for each in by_id.values()}
        watched.append(function)
    assert watched == [*WORKFLOW, "bulkbatch"]


def test_rejections_that_are_raised_are_no_alarm() -> None:
    alarms = alarms_of(monitoring_with(**VARIED))

    assert {"WorkflowSerializeErrors", "WorkflowClassifyErrors"} <= alarms.keys()
    assert "WorkflowFilterErrors" not in alarms
    assert "WorkflowFilterThrottles" in alarms


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, ["ExecutionsTimedOut", "ExecutionsAborted", "ExecutionsFailed"]),
        (VARIED, ["ExecutionsTimedOut", "ExecutionsAborted"]),  # rejections fail the execution
    ],
    ids=["reported", "failed"],
)
def test_executions_that_die_are_an_alarm(values: dict[str, Any], expected: list[str]) -> None:
    alarms = alarms_of(monitoring_with(**values))

    for path, machine in MACHINES.items():
        watched = [alarm for name, alarm in alarms.items() if name.startswith(f"{path}Executions")]
        assert [alarm["MetricName"] for alarm in watched] == expected
        assert all(alarm["Namespace"] == "AWS/States" for alarm in watched)
        assert all(dimensions_of(alarm) == {"StateMachineArn": machine} for alarm in watched)
        assert {(alarm["Statistic"], alarm["Threshold"]) for alarm in watched} == {("Sum", 0)}


def test_a_manifest_that_starts_nothing_is_an_alarm(template: Template) -> None:
    alarm = alarms_of(template)["UndeliveredManifests"]

    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Events", "FailedInvocations")
    assert dimensions_of(alarm) == {"RuleName": "BatchTransformManifestRule"}
    assert (alarm["Statistic"], alarm["Threshold"]) == ("Sum", 0)


def test_without_an_endpoint_nothing_watches_it() -> None:
    template = monitoring_with(endpoint={"enabled": False})

    assert "SageMaker" not in json.dumps(template.to_json())
    assert "scones-test" not in json.dumps(template.to_json())
    assert "bulk" not in json.dumps(template.to_json()).lower()
    assert {
        "WorkflowClassifyThrottles",
        "WorkflowExecutionsFailed",
        "BatchTransformExecutionsFailed",
    } <= alarms_of(template).keys()


@pytest.mark.parametrize("enabled", [True, False])
def test_bulk_classification_can_go_while_it_is_watched(enabled: bool) -> None:
    """CloudFormation keeps an export, and with it the resource, that another stack imports."""
    batch = templates_with(endpoint={"enabled": enabled})["Batch"].to_json()

    exported = [name for name, each in batch["Outputs"].items() if "Export" in each]
    assert exported
    assert not [name for name in exported if "Bulk" in name]


# --- who tells -----------------------------------------------------------------------------------


def test_what_executions_tell_of_themselves_is_shown_only(template: Template) -> None:
    alarms = alarms_of(template)

    silent = {
        name for name, each in alarms.items() if each["AlarmDescription"].startswith(SHOWN_ONLY)
    }
    assert silent == {name for name in alarms if name.startswith(tuple(MACHINES))}
    assert len(silent) == 23
