"""What each setting that is not a number or a name changes in the templates."""

import json
from typing import Any

from aws_cdk.assertions import Template

from settings.loader import validate
from stacks.constructs.classification_workflow import REJECTION_ERROR
from tests.infrastructure.synthesis import states, synthesize


def templates_with(**values: Any) -> dict[str, Template]:
    return synthesize(validate(values, environment="test", source="test.toml"))


def types(template: Template) -> set[str]:
    return {resource["Type"] for resource in template.to_json()["Resources"].values()}


def test_the_execution_can_end_as_failed() -> None:
    by_name = states(templates_with(workflow={"on_rejection": "fail"})["Workflow"])

    assert by_name[by_name["Notify"]["Next"]]["Error"] == "ImagesRejected"


def test_a_raised_rejection_is_caught_as_one_before_all_other_errors() -> None:
    workflow = templates_with(workflow={"rejection_style": "raise"})["Workflow"]

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


def test_a_given_model_is_deployed_without_training() -> None:
    url = "s3://elsewhere/models/one/model.tar.gz"
    templates = templates_with(training={"model_data_url": url})

    assert types(templates["Training"]) == {"AWS::SSM::Parameter"}
    templates["Training"].has_resource_properties(
        "AWS::SSM::Parameter", {"Name": "/scones/test/model/data-url", "Value": url}
    )
    templates["Training"].has_resource_properties(
        "AWS::SSM::Parameter",
        {"Name": "/scones/test/model/classes", "Value": "bicycle,motorcycle"},
    )
    granted = json.dumps(templates["Inference"].find_resources("AWS::IAM::Policy"))
    assert ":s3:::elsewhere/models/one/model.tar.gz" in granted
    assert "models/*" not in granted


def test_without_an_endpoint_all_the_rest_stays() -> None:
    templates = templates_with(endpoint={"enabled": False})

    assert "AWS::SageMaker::Endpoint" not in types(templates["Inference"])
    assert "AWS::SageMaker::EndpointConfig" in types(templates["Inference"])
    assert "AWS::StepFunctions::StateMachine" in types(templates["Workflow"])
    assert "EndpointName" not in templates["Inference"].to_json()["Outputs"]


def test_capture_can_be_switched_off() -> None:
    inference = templates_with(capture={"enabled": False})["Inference"]

    (config,) = inference.find_resources("AWS::SageMaker::EndpointConfig").values()
    assert "DataCaptureConfig" not in config["Properties"]
    assert "s3:PutObject" not in json.dumps(inference.find_resources("AWS::IAM::Policy"))
