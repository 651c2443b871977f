from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from operations.aws import AwsError
from operations.deployed import Target, find_target

CAPTURES, DATASET = "s3://captures/captures", "s3://data/datasets/abc"
FUNCTION = "Scones-dev-Workflow-FilterConfidence"

Deploy = Callable[..., None]


class CloudFormation:
    """Stacks by their names, with their outputs."""

    def __init__(self) -> None:
        self.stacks: dict[str, dict[str, str]] = {}

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # of boto3
        if StackName not in self.stacks:
            message = f"Stack with id {StackName} does not exist"
            error = {"Error": {"Code": "ValidationError", "Message": message}}
            raise ClientError(error, "DescribeStacks")  # type: ignore[arg-type]
        outputs = [
            {"OutputKey": key, "OutputValue": value}
            for key, value in self.stacks[StackName].items()
        ]
        return {"Stacks": [{"StackName": StackName, "Outputs": outputs}]}


class Lambda:
    def get_function_configuration(self, *, FunctionName: str) -> dict[str, Any]:
        assert FunctionName == FUNCTION
        return {"Environment": {"Variables": {"CONFIDENCE_THRESHOLD": "0.8"}}}


@pytest.fixture(autouse=True)
def cloudformation(monkeypatch: pytest.MonkeyPatch) -> CloudFormation:
    client = CloudFormation()
    clients = {"cloudformation": client, "lambda": Lambda()}
    session = SimpleNamespace(client=clients.__getitem__)
    for user in ("operations.deployed", "operations.aws"):
        monkeypatch.setattr(f"{user}.session", lambda: session)
    monkeypatch.setattr("operations.deployed.announce", lambda: None)
    return client


@pytest.fixture
def deploy(cloudformation: CloudFormation) -> Deploy:
    """Deploy a stack of the environment `dev` with these outputs."""

    def create(stack: str, **outputs: str) -> None:
        cloudformation.stacks[f"Scones-dev-{stack}"] = outputs

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


def test_what_is_not_deployed_is_named() -> None:
    with pytest.raises(AwsError, match="stack Scones-dev-Inference does not exist; deploy it"):
        target()
