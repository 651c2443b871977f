from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from lambda_src.shared import class_names
from operations.aws import AwsError
from operations.deployed import Target, find_target
from tests.class_names import HOSTILE

CAPTURES, DATASET = "s3://captures/captures", "s3://data/datasets/abc"
FUNCTION = "Scones-dev-Workflow-FilterConfidence"

Deploy = Callable[..., None]


@pytest.fixture
def deploy(
    aws: boto3.Session, stacks: dict[str, list[dict[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> Deploy:
    """Deploy a stack of the environment `dev` with these outputs."""
    monkeypatch.setattr("operations.deployed.announce", lambda: None)

    def configuration(params: dict[str, Any], **_: object) -> Any:
        assert FUNCTION in params["url_path"]
        variables = {"Variables": {"CONFIDENCE_THRESHOLD": "0.8"}}
        return AWSResponse("", 200, HTTPHeaders(), None), {"Environment": variables}

    aws.events.register("before-call.lambda.GetFunctionConfiguration", configuration)

    def create(stack: str, **outputs: str) -> None:
        stacks[f"Scones-dev-{stack}"] = [
            {"OutputKey": key, "OutputValue": value} for key, value in outputs.items()
        ]

    return create


@pytest.fixture
def deployed(deploy: Deploy) -> None:
    deploy("Training", DatasetUri=DATASET, Classes="bicycle,motorcycle")
    deploy("Inference", CaptureUri=CAPTURES)
    deploy("Workflow", FilterConfidenceName=FUNCTION)


def target(
    captures: str | None = None, environment: str | None = "dev", threshold: float | None = None
) -> Target:
    return find_target(environment, captures, threshold)


@pytest.mark.usefixtures("deployed")
def test_an_environment_gives_everything() -> None:
    found = target()

    assert (found.captures, found.threshold.value) == (CAPTURES, 0.8)
    assert found.threshold.source == "the one deployed in Scones-dev-Workflow"
    assert (found.dataset, found.classes) == (DATASET, ("bicycle", "motorcycle"))


@pytest.mark.usefixtures("deployed")
def test_what_is_named_wins() -> None:
    found = target("here", threshold=0.5)

    assert (found.captures, found.threshold.value) == ("here", 0.5)
    assert found.threshold.source == "the one named by --threshold"


def test_without_an_environment_it_is_the_default() -> None:
    found = target("here", None)

    assert (found.captures, found.threshold.value, found.classes) == ("here", 0.93, ())
    assert "the settings' default" in found.threshold.source


def test_class_names_may_be_any(deploy: Deploy) -> None:
    deploy("Training", Classes=class_names.encode(HOSTILE))

    assert target("here", threshold=0.5).classes == HOSTILE


def test_a_model_from_elsewhere_has_no_dataset(deploy: Deploy) -> None:
    deploy("Training", Classes="bicycle,motorcycle")
    deploy("Inference", CaptureUri=CAPTURES)
    found = target(threshold=0.5)

    assert found.dataset is None


def test_an_endpoint_without_captures_is_named(deploy: Deploy) -> None:
    deploy("Training", Classes="bicycle,motorcycle")
    deploy("Inference")

    with pytest.raises(FileNotFoundError, match=r"of dev captures nothing: set capture\.enabled"):
        target()


def test_a_stack_from_before_the_threshold_was_published_is_named(deploy: Deploy) -> None:
    deploy("Training", Classes="bicycle,motorcycle")
    deploy("Inference", CaptureUri=CAPTURES)
    deploy("Workflow", TopicArn="any")

    with pytest.raises(AwsError, match=r"Scones-dev-Workflow has no output FilterConf.*cdk"):
        target()


@pytest.mark.usefixtures("deploy")
def test_what_is_not_deployed_is_named() -> None:
    with pytest.raises(AwsError, match="stack Scones-dev-Inference does not exist; deploy it"):
        target()
