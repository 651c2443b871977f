"""The dashboard's widgets; the snapshots have the metrics of each."""

import json
import re
from typing import Any

import pytest
from aws_cdk.assertions import Template

from stacks.constructs.common.operational_alarm import SHOWN_ONLY
from tests.infrastructure.templates import TRANSFORM, VARIED, alarms_of, monitoring_with, plain

Shown = tuple[str, str, dict[str, str], str]  # namespace, name, dimensions, statistic


@pytest.fixture(scope="module")
def template() -> Template:
    return monitoring_with()


@pytest.fixture(scope="module")
def widgets(template: Template) -> list[dict[str, Any]]:
    return widgets_of(template)


def widgets_of(template: Template) -> list[dict[str, Any]]:
    (dashboard,) = template.find_resources("AWS::CloudWatch::Dashboard").values()
    body = json.loads(plain(dashboard["Properties"]["DashboardBody"]))
    found: list[dict[str, Any]] = body["widgets"]
    return found


def titled(widgets: list[dict[str, Any]], title: str) -> dict[str, Any]:
    (properties,) = (
        each["properties"] for each in widgets if each["properties"].get("title") == title
    )
    found: dict[str, Any] = properties
    return found


def shown(widget: dict[str, Any]) -> list[Shown]:
    """The metrics of a widget, whether they are drawn or used in an expression."""
    found = []
    for row in widget["metrics"]:
        options = row[-1]
        if "expression" not in options:
            namespace, name, *dimensions, _ = row
            pairs = dict(zip(dimensions[::2], dimensions[1::2], strict=True))
            found.append((namespace, name, pairs, options.get("stat", "Average")))
    return found


def of_functions(metric: str, statistic: str, *names: str) -> list[Shown]:
    return [("AWS/Lambda", metric, {"FunctionName": name}, statistic) for name in names]


def test_graphs_start_at_0_and_name_their_unit(widgets: list[dict[str, Any]]) -> None:
    for each in widgets:
        if each["type"] == "metric":
            assert each["properties"]["yAxis"]["left"]["label"]
            assert each["properties"]["yAxis"]["left"]["min"] == 0


def test_thresholds_are_drawn_in_the_unit_of_their_graph() -> None:
    widgets = widgets_of(monitoring_with(**VARIED))

    lines = {
        each["properties"]["title"]: each["properties"]["annotations"]["horizontal"][0]["value"]
        for each in widgets
        if "annotations" in each["properties"]
    }
    assert lines == {
        "Endpoint: model latency": 250,
        "Endpoint: overhead latency": 250,
        "Endpoint: errors": 2,
        "Drift: replies": 1,
        "Drift: pictures": 1,
    }


def test_instances_without_gpu_show_none() -> None:
    widgets = widgets_of(monitoring_with(endpoint={"instance_type": "ml.m5.xlarge"}))

    names = [name for _, name, _, _ in shown(titled(widgets, "Endpoint: utilisation"))]
    assert names == ["CPUUtilization", "MemoryUtilization"]


def test_widgets_fill_their_rows_and_nothing_overlaps(widgets: list[dict[str, Any]]) -> None:
    cells = [
        (each["x"] + column, each["y"] + row)
        for each in widgets
        for column in range(each["width"])
        for row in range(each["height"])
    ]

    rows = {y for _, y in cells}
    assert len(cells) == len(set(cells))
    assert sorted(cells) == [(x, y) for x in range(24) for y in range(max(rows) + 1)]


def test_the_state_of_every_alarm_of_the_stack_is_shown(
    template: Template, widgets: list[dict[str, Any]]
) -> None:
    silent = {
        logical_id: plain(alarm["Properties"]["AlarmDescription"]).startswith(SHOWN_ONLY)
        for logical_id, alarm in template.find_resources("AWS::CloudWatch::Alarm").items()
    }

    for title, is_silent in (("Alarms", False), ("Alarms without a message", True)):
        expected = [logical_id for logical_id in silent if silent[logical_id] is is_silent]
        assert sorted(titled(widgets, title)["alarms"]) == sorted(expected)


def test_without_an_endpoint_neither_it_nor_bulk_classification_is_shown() -> None:
    widgets = widgets_of(monitoring_with(endpoint={"enabled": False}))

    titles = [each["properties"]["title"] for each in widgets if each["type"] == "metric"]
    assert "Batch transform: executions" in titles
    assert not [title for title in titles if title.startswith(("Endpoint", "Bulk", "Drift"))]
    functions = shown(titled(widgets, "Batch functions: errors"))
    assert functions == of_functions("Errors", "Sum", *TRANSFORM)


def test_links_lead_to_the_own_region_and_resources(widgets: list[dict[str, Any]]) -> None:
    (text,) = (each["properties"]["markdown"] for each in widgets if each["type"] == "text")

    links = dict(re.findall(r"\[([^]]+)\]\((\S+)\)", text))
    assert list(links) == ["Endpoint", "Executions", "Captures", "All alarms"]
    for link in links.values():
        assert link.startswith("https://AWS::Region.console.aws.amazon.com/")
        assert "region=AWS::Region" in link
    assert links["Endpoint"].endswith("#/endpoints/scones-test")
    assert links["Executions"].endswith("#/statemachines/view/ClassificationStateMachine")
    assert "/buckets/CaptureBucket" in links["Captures"]
    assert "Scones-test-" in links["All alarms"]


def test_the_dashboard_can_be_switched_off_and_the_alarms_stay(template: Template) -> None:
    without = monitoring_with(monitoring={"dashboard": False})

    without.resource_count_is("AWS::CloudWatch::Dashboard", 0)
    assert alarms_of(without) == alarms_of(template)
