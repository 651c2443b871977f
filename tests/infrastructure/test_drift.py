"""The drift detector: its schedule, its inputs, its alarms, and the settings that omit it."""

import json
from typing import Any

import pytest
from aws_cdk.assertions import Template

from lambda_src.drift_detector.drift import COMPARISONS
from lambda_src.drift_detector.metrics import COUNTS, DRIFT, MODEL
from stacks.constructs.monitoring import drift_detector
from tests.infrastructure.templates import VARIED, alarms_of, dimensions_of, monitoring_with, plain


@pytest.fixture(scope="module")
def template() -> Template:
    return monitoring_with()


def the_only(template: Template, type_: str) -> dict[str, Any]:
    (resource,) = template.find_resources(type_).values()
    properties: dict[str, Any] = plain(resource["Properties"])
    return properties


def detector(template: Template) -> dict[str, Any]:
    (properties,) = (
        plain(resource["Properties"])
        for resource in template.find_resources("AWS::Lambda::Function").values()
        if resource["Properties"].get("Handler")
        == "lambda_src.drift_detector.handler.lambda_handler"
    )
    found: dict[str, Any] = properties
    return found


def test_it_looks_every_hour_and_a_failed_look_is_not_repeated(template: Template) -> None:
    rule = the_only(template, "AWS::Events::Rule")

    assert rule["ScheduleExpression"] == "rate(1 hour)"
    assert rule["Targets"][0]["RetryPolicy"] == {"MaximumRetryAttempts": 0}
    assert the_only(template, "AWS::Lambda::EventInvokeConfig")["MaximumRetryAttempts"] == 0


def test_alarms_follow_the_interval() -> None:
    template = monitoring_with(**VARIED)

    assert the_only(template, "AWS::Events::Rule")["ScheduleExpression"] == "rate(15 minutes)"
    assert alarms_of(template)["DriftMeanBrightness"]["Period"] == 15 * 60
    assert detector(template)["Timeout"] < 15 * 60


def test_another_model_or_dataset_is_another_baseline(template: Template) -> None:
    baseline = the_only(template, "Custom::ModelBaseline")
    parameters = template.to_json()["Parameters"]

    for name, path in (("ModelDataUrl", "model/data-url"), ("DatasetPrefix", "dataset")):
        parameter = parameters[baseline[name]]
        assert parameter["Type"] == "AWS::SSM::Parameter::Value<String>"
        assert parameter["Default"] == f"/scones/test/{path}"
    assert "Threshold" not in baseline  # for that, no picture has to be classified again
    assert baseline["Classes"] == ["bicycle", "motorcycle"]
    assert baseline["ClassShares"] == ["0.5", "0.5"]


def test_the_baseline_has_the_class_shares_of_the_traffic() -> None:
    assert the_only(monitoring_with(**VARIED), "Custom::ModelBaseline")["ClassShares"] == [
        "0.7",
        "0.3",
    ]


# --- alarms --------------------------------------------------------------------------------------


def test_the_metrics_are_those_that_the_function_publishes() -> None:
    compared = drift_detector.OF_REPLIES | drift_detector.OF_PICTURES

    assert sorted(compared) == sorted(COMPARISONS)
    assert drift_detector.DRIFT == DRIFT
    assert drift_detector.COUNTS == COUNTS
    assert list(drift_detector.OF_MODELS) == [
        f"{MODEL}{name}" for name in ("MeanConfidence", "Accuracy")
    ]


@pytest.mark.parametrize("name", [*drift_detector.OF_REPLIES, *drift_detector.OF_PICTURES])
def test_each_comparison_has_an_alarm(template: Template, name: str) -> None:
    alarm = alarms_of(template)[f"Drift{name}"]

    assert (alarm["Namespace"], alarm["MetricName"]) == ("Scones/test", f"{name}Drift")
    assert dimensions_of(alarm) == {"EndpointName": "scones-test"}
    assert (alarm["Statistic"], alarm["Threshold"], alarm["Period"]) == ("Maximum", 1, 3600)
    assert (alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"]) == (1, 2)
    assert "scones report --environment test" in alarm["AlarmDescription"]
    assert "DriftDetectorFunctionLogs" in alarm["AlarmDescription"]


@pytest.mark.parametrize("name", drift_detector.OF_MODELS)
def test_a_worse_model_is_an_alarm(template: Template, name: str) -> None:
    alarm = alarms_of(template)[f"Drift{name}"]

    assert (alarm["MetricName"], alarm["Threshold"]) == (f"{name}Drift", 1)


# --- when there is none ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        {"drift": {"enabled": False}},
        {"endpoint": {"enabled": False}},
        {"capture": {"enabled": False}},
        {"capture": {"mode": "input"}},
    ],
    ids=str,
)
def test_there_is_no_detector_without_something_to_look_at(values: dict[str, Any]) -> None:
    template = monitoring_with(**values)

    template.resource_count_is("AWS::Lambda::Function", 0)
    template.resource_count_is("AWS::Events::Rule", 0)
    assert "Drift" not in json.dumps(template.to_json())


def test_without_captured_pictures_there_are_no_alarms_on_them() -> None:
    alarms = alarms_of(monitoring_with(capture={"mode": "output"}))

    assert "DriftMeanConfidence" in alarms
    assert not {f"Drift{name}" for name in drift_detector.OF_PICTURES} & alarms.keys()
