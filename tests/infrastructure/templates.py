"""Templates of settings, and short ways into them."""

import re
from typing import Any

from aws_cdk.assertions import Template

from settings.loader import validate
from tests.infrastructure.synthesis import synthesize

ENDPOINT = {"EndpointName": "scones-test", "VariantName": "AllTraffic"}
WORKFLOW = ("SerializeImage", "ClassifyImage", "FilterConfidence")
TRANSFORM = ("BatchTransformCheckManifest", "BatchTransformWritePredictions")
BULK = ("bulkbatch", "bulksummary")
MACHINES = {
    "Workflow": "ClassificationStateMachine",
    "BatchTransform": "BatchTransformStateMachine",
    "BulkClassification": "bulkstatemachine",
}

# Settings that reach one place each and go together: synthesized once for the tests of all of them.
VARIED: dict[str, Any] = {
    "training": {
        "preset": "pretrained",
        "hyperparameters": {"epochs": 5},
        "max_runtime_minutes": 20,
        "spot": {"enabled": True, "max_wait_minutes": 40},
    },
    "workflow": {"rejection_style": "raise", "on_rejection": "fail"},
    "drift": {"interval_minutes": 15, "class_shares": [0.7, 0.3]},
    "batch_transform": {
        "instance_type": "ml.g5.xlarge",
        "instance_count": 3,
        "max_runtime_minutes": 7200,
    },
    "bulk": {"threads": 7},
    "monitoring": {"max_error_percent": 2, "max_latency_ms": 250},
    "notifications": {"sms": ["+12065550100"]},
}


def templates_with(**values: Any) -> dict[str, Template]:
    return synthesize(validate(values, environment="test", source="test.toml"))


def monitoring_with(**values: Any) -> Template:
    return templates_with(**values)["Monitoring"]


def plain(value: Any) -> Any:
    """The value with each reference to another resource as what its logical id begins with.

    One to a parameter of bulk classification is as the end of the parameter's name.
    """
    match value:
        case {"Ref": str(name)} if name.startswith("SsmParameterValuesconestestbulk"):
            return re.sub(r"^SsmParameterValuesconestest|[0-9A-F]{32}Parameter$", "", name)
        case {"Fn::Select": [6, {"Fn::Split": [":", arn]}]}:
            return plain(arn)  # a name out of an ARN
        case {"Fn::ImportValue": str(name)}:
            return re.sub(r"^.*ExportsOutput(Ref|FnGetAtt)|[0-9A-F]{8}.*$", "", name)
        case {"Fn::GetAtt": [str(name), _]} | {"Ref": str(name)}:
            return name
        case {"Fn::Join": [str(delimiter), list(parts)]}:
            return delimiter.join(plain(part) for part in parts)
        case dict():
            return {key: plain(each) for key, each in value.items()}
        case list():
            return [plain(each) for each in value]
        case _:
            return value


def alarms_of(template: Template) -> dict[str, dict[str, Any]]:
    """Properties of the alarms by logical id without its hash."""
    return {
        logical_id[:-8]: plain(alarm["Properties"])
        for logical_id, alarm in template.find_resources("AWS::CloudWatch::Alarm").items()
    }


def dimensions_of(metric: dict[str, Any]) -> dict[str, str]:
    return {each["Name"]: each["Value"] for each in metric["Dimensions"]}
