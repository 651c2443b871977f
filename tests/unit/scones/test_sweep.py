from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from operations.sweep import TRAINING_LOGS, TRANSFORM_LOGS, find
from scones.__main__ import main
from scones.errors import EXIT_FAILED as EXIT_REFUSED
from scones.sweep import EXIT_LEFT
from settings import load
from tests.unit.conftest import Answers

ROLE = "arn:aws:iam::123456789012:role/any"


@pytest.fixture
def stacks() -> list[dict[str, str]]:
    return [
        {"StackName": "Scones-dev-Storage", "StackStatus": "DELETE_COMPLETE"},
        {"StackName": "Scones-dev2-Storage", "StackStatus": "CREATE_COMPLETE"},
        {"StackName": "CDKToolkit", "StackStatus": "CREATE_COMPLETE"},
    ]


@pytest.fixture(autouse=True)
def aws(
    monkeypatch: pytest.MonkeyPatch, answers: Answers, stacks: list[dict[str, str]]
) -> Iterator[None]:
    """An empty account; clients made from the environment reach it."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    # moto's CloudFormation needs packages that nothing else here does.
    answers["ListStacks"] = lambda _: {"StackSummaries": stacks}
    with mock_aws():
        yield


def refusal(operation: str, code: str, message: str) -> Mock:
    """Return what raises this error of AWS."""
    return Mock(side_effect=ClientError({"Error": {"Code": code, "Message": message}}, operation))


def make_log_group(name: str, *streams: str) -> None:
    logs = boto3.client("logs")
    logs.create_log_group(logGroupName=name)
    for stream in streams:
        logs.create_log_stream(logGroupName=name, logStreamName=stream)


def make_serving(name: str, *, job: str) -> None:
    """Model, configuration and endpoint `name`, of the model that the training job made."""
    sagemaker = boto3.client("sagemaker")
    url = f"s3://any/models/{job}/output/model.tar.gz"
    sagemaker.create_model(
        ModelName=name,
        ExecutionRoleArn=ROLE,
        PrimaryContainer={"Image": "any", "ModelDataUrl": url},
    )
    variant: Any = {
        "VariantName": "AllTraffic",
        "ModelName": name,
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
    }
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)


@pytest.fixture
def left() -> None:
    """Something of each kind that is dev's, beside something that looks alike and is not."""
    for environment in ("dev", "dev2"):
        make_serving(f"scones-{environment}", job=f"scones-{environment}-0123")
        make_log_group(f"/aws/sagemaker/Endpoints/scones-{environment}")
        make_log_group(f"/aws/lambda/Scones-{environment}-Storage-Handler")
        make_log_group(f"/aws/vendedlogs/states/Scones-{environment}-Workflow/Role-0123")
        make_log_group(f"Scones-{environment}-Workflow-Logs")
        boto3.client("s3").create_bucket(Bucket=f"scones-{environment}-storage-databucket")
    for group in (TRAINING_LOGS, TRANSFORM_LOGS):
        make_log_group(group, "scones-dev-0123/algo-1", "scones-dev2-0123/algo-1", "other/a")


DEVS = [
    ("endpoint", "scones-dev"),
    ("endpoint configuration", "scones-dev"),
    ("model", "scones-dev"),
    ("log group", "/aws/sagemaker/Endpoints/scones-dev"),
    ("log group", "/aws/lambda/Scones-dev-Storage-Handler"),
    ("log group", "/aws/vendedlogs/states/Scones-dev-Workflow/Role-0123"),
    ("log group", "Scones-dev-Workflow-Logs"),
    (f"log stream of {TRAINING_LOGS}", "scones-dev-0123/algo-1"),
    (f"log stream of {TRANSFORM_LOGS}", "scones-dev-0123/algo-1"),
    ("bucket", "scones-dev-storage-databucket"),
]


def found(environment: str = "dev") -> list[tuple[str, str]]:
    return [(remain.kind, remain.name) for remain in find(load(environment))]


@pytest.mark.usefixtures("left")
def test_everything_of_the_environment_is_found_and_nothing_else() -> None:
    assert found() == DEVS
    assert found("prod") == []


@pytest.mark.usefixtures("left")
def test_it_looks_where_cdk_deploys_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    assert found() == DEVS


@pytest.mark.usefixtures("left")
def test_without_delete_nothing_is_removed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep"]) == EXIT_LEFT

    assert found() == DEVS
    printed = capsys.readouterr().out
    assert "Nothing was removed" in printed
    assert "aws s3 rb s3://scones-dev-storage-databucket --force" in printed


@pytest.mark.usefixtures("left")
def test_delete_removes_all_but_buckets(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "--delete"]) == EXIT_LEFT

    assert found() == [DEVS[-1]]
    assert "aws s3 rb s3://scones-dev-storage-databucket --force" in capsys.readouterr().out
    logs = boto3.client("logs")
    for group in (TRAINING_LOGS, TRANSFORM_LOGS):
        streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
        names = {stream["logStreamName"] for stream in streams}
        assert names == {"scones-dev2-0123/algo-1", "other/a"}
    assert len(logs.describe_log_groups()["logGroups"]) == 6
    assert len(boto3.client("sagemaker").list_models()["Models"]) == 1


def test_logs_that_were_retained_are_kept() -> None:
    ours = "Scones-prod-Workflow-Logs", "/aws/vendedlogs/states/Scones-prod-Workflow/Role-0123"
    for group in ours:
        make_log_group(group)
    make_log_group("/aws/sagemaker/Endpoints/scones-prod")

    remains = {remain.name: remain.remove for remain in find(load("prod"))}

    assert [remains[group] for group in ours] == [None, None]
    assert remains["/aws/sagemaker/Endpoints/scones-prod"] is not None


@pytest.mark.parametrize("kind", ["Training", "Transform"])
def test_a_running_job_is_stopped(answers: Answers, kind: str) -> None:
    stopped: list[str] = []
    answers[f"List{kind}Jobs"] = lambda asked: {
        f"{kind}JobSummaries": [
            {f"{kind}JobName": f"{of_another}{asked['NameContains']}{asked['StatusEquals']}"}
            for of_another in ("", "other-")
        ]
    }
    answers[f"Stop{kind}Job"] = lambda asked: stopped.append(asked[f"{kind}JobName"])

    assert main(["sweep", "--delete"]) == 0

    assert stopped == ["scones-dev-InProgress"]


@pytest.mark.parametrize("kind", ["Training", "Transform"])
@pytest.mark.parametrize(("runs_on", "code"), [(False, 0), (True, EXIT_LEFT)])
def test_a_job_that_ended_meanwhile_is_not_left(
    answers: Answers, kind: str, code: int, *, runs_on: bool
) -> None:
    jobs = [{f"{kind}JobName": "scones-dev-0123"}]

    refuse = refusal(f"Stop{kind}Job", "ValidationException", "is in status")

    def stop(arguments: dict[str, Any]) -> None:
        if not runs_on:
            jobs.clear()
        refuse(arguments)

    answers[f"List{kind}Jobs"] = lambda _: {f"{kind}JobSummaries": list(jobs)}
    answers[f"Stop{kind}Job"] = stop

    assert main(["sweep", "--delete"]) == code


@pytest.mark.usefixtures("left")
@pytest.mark.parametrize(
    ("operation", "kind"),
    [("DescribeModel", "model"), ("DescribeEndpointConfig", "endpoint configuration")],
)
def test_what_was_deleted_after_it_was_listed_is_not_found(
    answers: Answers, operation: str, kind: str
) -> None:
    message = f'Could not find {kind} "arn:aws:sagemaker:us-east-1:123456789012:any".'
    answers[operation] = refusal(operation, "ValidationException", message)

    assert kind not in dict(found())


def test_what_cannot_be_removed_is_told_and_the_rest_goes(
    answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    make_log_group("/aws/lambda/Scones-dev-one")
    make_log_group(TRAINING_LOGS, "scones-dev-0123/algo-1")
    answers["DeleteLogGroup"] = refusal("DeleteLogGroup", "AccessDeniedException", "no")

    assert main(["sweep", "--delete"]) == EXIT_LEFT

    assert found() == [("log group", "/aws/lambda/Scones-dev-one")]
    printed = capsys.readouterr().out
    assert "AccessDenied" in printed
    assert "aws logs delete-log-group --log-group-name /aws/lambda/Scones-dev-one" in printed


def test_nothing_left(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "--environment", "dev"]) == 0
    assert "Nothing is left of dev." in capsys.readouterr().out


@pytest.mark.usefixtures("left")
def test_stacks_that_exist_are_a_refusal(
    stacks: list[dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    stacks.append({"StackName": "Scones-dev-Inference", "StackStatus": "DELETE_FAILED"})

    assert main(["sweep", "--delete"]) == EXIT_REFUSED

    assert "Scones-dev-Inference still exist" in capsys.readouterr().err
    assert found() == DEVS
