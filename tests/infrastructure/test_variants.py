"""Settings other than numbers and names change the templates as intended."""

import json
import re
from typing import Any

import pytest
from aws_cdk.assertions import Template

from lambda_src.shared import class_names
from lambda_src.shared.staged_dataset import expected_classes
from stacks.constructs.workflow.classification_workflow import REJECTION_ERROR
from tests.class_names import HOSTILE
from tests.infrastructure.synthesis import states
from tests.infrastructure.templates import VARIED, templates_with


@pytest.mark.parametrize(
    ("values", "error", "place"),
    [({}, None, "output"), (VARIED, "ImagesRejected", "history")],
    ids=["reported", "failed"],
)
def test_the_message_says_where_the_results_are(
    values: dict[str, Any], error: str | None, place: str
) -> None:
    """An execution that fails has no output."""
    by_name = states(templates_with(**values)["Workflow"])

    end = by_name[by_name["Notify"]["Next"]]
    assert end.get("Error") == error
    message = json.dumps(by_name["Notify"]["Arguments"])
    assert re.findall("the ([a-z]+) of the execution", message) == [place]


def test_a_raised_rejection_is_caught_as_one_before_all_other_errors() -> None:
    workflow = templates_with(**VARIED)["Workflow"]

    task = states(workflow)["Classify images"]["ItemProcessor"]["States"]["Filter confidence"]
    assert [(catch["ErrorEquals"], catch["Next"]) for catch in task["Catch"]] == [
        ([REJECTION_ERROR], "Rejected"),
        (["States.ALL"], "Failed"),
    ]
    styles = [
        function["Properties"]["Environment"]["Variables"]["REJECTION_STYLE"]
        for function in workflow.find_resources("AWS::Lambda::Function").values()
        if "CLASSES" in function["Properties"].get("Environment", {}).get("Variables", {})
    ]
    assert styles == ["raise"]


def test_class_names_of_any_kind_are_ascii_in_the_templates_and_the_same_when_read() -> None:
    values = {
        "dataset": {"source": "folder", "classes": list(HOSTILE)},
        "drift": {"class_shares": [1 / len(HOSTILE)] * len(HOSTILE)},
    }
    templates = templates_with(**values)

    assert all(
        json.dumps(each.to_json(), ensure_ascii=False).isascii() for each in templates.values()
    )
    (baseline,) = templates["Monitoring"].find_resources("Custom::ModelBaseline").values()
    for properties in (training_job(templates["Training"]), baseline["Properties"]):
        assert expected_classes(properties) == list(HOSTILE)
    given = {"model_data_url": "s3://elsewhere/models/one/model.tar.gz"}
    published = templates_with(**values, training=given)["Training"].to_json()["Outputs"]["Classes"]
    assert class_names.decode(published["Value"]) == HOSTILE


def test_classes_that_are_not_listed_are_left_to_the_dataset() -> None:
    templates = templates_with(dataset={"source": "folder"})

    (baseline,) = templates["Monitoring"].find_resources("Custom::ModelBaseline").values()
    for properties in (training_job(templates["Training"]), baseline["Properties"]):
        assert not {"Classes", "ClassShares"} & properties.keys()
    (parameter,) = (
        templates["Training"]
        .find_resources(
            "AWS::SSM::Parameter", {"Properties": {"Name": "/scones/test/model/classes"}}
        )
        .values()
    )
    assert parameter["Properties"]["Value"]["Fn::GetAtt"][1] == "Classes"


def training_job(template: Template) -> dict[str, Any]:
    (resource,) = template.find_resources("Custom::TrainingJob").values()
    properties: dict[str, Any] = resource["Properties"]
    return properties


def test_the_preset_and_what_overrides_it_reach_the_job() -> None:
    written = training_job(templates_with(**VARIED)["Training"])["HyperParameters"]
    assert (written["epochs"], written["use_pretrained_model"]) == ("5", "1")


def test_the_stack_waits_for_spot_training() -> None:
    template = templates_with(**VARIED)["Training"]

    assert training_job(template)["MaxRuntimeInSeconds"] == 20 * 60
    assert training_job(template)["Spot"]["MaxWaitInSeconds"] == 40 * 60
    (retry,) = states(template)["framework-isComplete-task"]["Retry"]
    assert retry["MaxAttempts"] * retry["IntervalSeconds"] > 40 * 60


@pytest.mark.parametrize("mode", ["input", "output"])
def test_capture_may_be_of_one_side_only(mode: str) -> None:
    inference = templates_with(capture={"mode": mode})["Inference"]

    (config,) = inference.find_resources("AWS::SageMaker::EndpointConfig").values()
    options = config["Properties"]["DataCaptureConfig"]["CaptureOptions"]
    assert options == [{"CaptureMode": mode.title()}]


def exports(**values: Any) -> set[str]:
    return {
        name
        for template in templates_with(**values).values()
        for name, output in template.to_json().get("Outputs", {}).items()
        if "Export" in output
    }


@pytest.mark.parametrize(
    "values",
    [
        {"capture": {"enabled": False}},
        {"monitoring": {"dashboard": False}},
        {"endpoint": {"enabled": False}},
        {"training": {"model_data_url": "s3://elsewhere/models/one/model.tar.gz"}},
        VARIED,
        {"drift": {"enabled": False}},
    ],
    ids=lambda values: ", ".join(values),
)
def test_no_setting_takes_an_export_away(values: dict[str, Any]) -> None:
    # The stack that exports is deployed first, and CloudFormation keeps an export that is in use.
    assert exports(**values) == exports()
