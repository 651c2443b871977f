from typing import Any

import boto3
import pytest

from localcloud.demo.acceptance import metrics_checks
from localcloud.demo.acceptance.check import Finding, Verdict
from localcloud.demo.acceptance.context import Context
from localcloud.demo.acceptance.metrics import CountedLines, Metric
from localcloud.demo.acceptance.metrics_checks import METRICS_CHECKS, metrics_of

ENDPOINT = {"EndpointName": "scones-acceptance", "VariantName": "AllTraffic"}
OF_SAGEMAKER, *_, OF_OUR_OWN = METRICS_CHECKS


@pytest.fixture(autouse=True)
def patience(aws: None, context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """None: what is not listed at once never is."""
    monkeypatch.setattr(metrics_checks, "LISTED_SECONDS", 0)
    context.evidence["counted_lines",] = []


def pairs(dimensions: dict[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in dimensions.items()]


def alarm(name: str, namespace: str = "AWS/SageMaker", **dimensions: str) -> None:
    boto3.client("cloudwatch").put_metric_alarm(
        AlarmName=f"Scones-acceptance-Monitoring-{name}",
        Namespace=namespace,
        MetricName=name,
        Dimensions=pairs(dimensions),
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )


def write(name: str, namespace: str = "AWS/SageMaker", **dimensions: str) -> None:
    # On AWS only its own services may write here; moto lets us.
    metric: Any = {"MetricName": name, "Dimensions": pairs(dimensions), "Value": 1}
    boto3.client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=[metric])


def test_what_is_listed_as_the_alarm_has_it_is_confirmed(context: Context) -> None:
    alarm("Invocations", **ENDPOINT)
    write("Invocations", **ENDPOINT)

    assert OF_SAGEMAKER.run(context) == Finding(Verdict.CONFIRMED, "1 of 1 are listed")


def test_ours_with_other_dimensions_refutes(context: Context) -> None:
    alarm("Invocations", **ENDPOINT)
    write("Invocations", EndpointName=ENDPOINT["EndpointName"])

    finding = OF_SAGEMAKER.run(context)

    assert finding.verdict is Verdict.REFUTED
    assert "Invocations by EndpointName, VariantName, but there is Invocations by EndpointName" in (
        finding.seen
    )


@pytest.mark.parametrize(
    "of_others",
    [
        {"EndpointName": "others", "VariantName": "AllTraffic"},
        {"EndpointName": "others", "VariantName": "AllTraffic", "EndpointConfigName": "others"},
        {"EndpointName": "others"},
    ],
)
def test_that_of_others_refutes_nothing(of_others: dict[str, str], context: Context) -> None:
    alarm("Invocations", **ENDPOINT)
    write("Invocations", **of_others)

    assert OF_SAGEMAKER.run(context) == Finding(
        Verdict.NOT_SHOWN,
        "0 of 1 are listed; nothing wrote: Invocations by EndpointName, VariantName (1)",
    )


def test_a_namespace_that_no_alarm_uses_is_not_reached(context: Context) -> None:
    alarm("Ours", "Scones/acceptance", EndpointName="scones-acceptance")

    assert OF_SAGEMAKER.run(context).verdict is Verdict.NOT_REACHED


def test_what_the_metric_filters_count_is_looked_for_too(context: Context) -> None:
    ours = "Scones/acceptance"
    pictures = {"metricNamespace": ours, "metricName": "Pictures"}
    transformations = [{**pictures, "dimensions": {"Verdict": "$.verdict"}}]
    lines = ['{"verdict": "Accepted"}'] * 2
    counted = CountedLines({"metricTransformations": transformations}, lines)
    context.evidence["counted_lines",] = [counted]
    alarm("Ours", ours, EndpointName="scones-acceptance")
    write("Ours", ours, EndpointName="scones-acceptance")

    assert OF_OUR_OWN.run(context) == Finding(
        Verdict.NOT_SHOWN, "1 of 2 are listed; nothing wrote: Pictures by Verdict (1)"
    )
    write("Pictures", ours, Verdict="Accepted")
    assert OF_OUR_OWN.run(context).verdict is Verdict.CONFIRMED


def test_an_alarm_on_an_expression_looks_at_all_its_metrics() -> None:
    def stat(name: str) -> dict[str, Any]:
        metric = {"Namespace": "AWS/States", "MetricName": name, "Dimensions": []}
        return {"Id": name.lower(), "MetricStat": {"Metric": metric}}

    described = {"Metrics": [stat("A"), {"Id": "sum", "Expression": "a + b"}, stat("B")]}

    assert list(metrics_of(described)) == [
        Metric("AWS/States", "A", ()),
        Metric("AWS/States", "B", ()),
    ]


def test_without_alarms_nothing_is_confirmed(context: Context) -> None:
    for check in (*METRICS_CHECKS, metrics_checks.alarms_are_evaluated):
        assert check.run(context).verdict is Verdict.NOT_REACHED
