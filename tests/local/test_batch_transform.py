"""A manifest below batch/input/, and what comes of it."""

import csv
import json
import time
from typing import Any

import pytest

from settings.loader import validate
from tests.local.deployment import Deployment
from tests.local.inbox import Messages

LONGEST_SECONDS = 120


def put_manifest(deployment: Deployment, name: str, content: Any) -> str:
    """Key of a new manifest."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    key = f"batch/input/{name}.json"
    deployment.cloud.client("s3").put_object(Bucket=deployment.data_bucket, Key=key, Body=body)
    return key


def execution_of(deployment: Deployment, key: str) -> dict[str, Any]:
    """The ended execution that the newest manifest of that key has started."""
    client = deployment.cloud.client("stepfunctions")
    machine = deployment.outputs("Batch")["BatchTransformStateMachineArn"]
    deadline = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < deadline:
        for execution in client.list_executions(stateMachineArn=machine)["executions"]:
            described: dict[str, Any] = client.describe_execution(
                executionArn=execution["executionArn"]
            )
            same = json.loads(described["input"])["object"]["key"] == key
            if same and described["status"] != "RUNNING":
                return described
        time.sleep(0.2)
    raise AssertionError(f"no execution of {key} ended within {LONGEST_SECONDS} s")


def output_of(deployment: Deployment, key: str) -> dict[str, Any]:
    """Output of the execution, which succeeded."""
    execution = execution_of(deployment, key)
    assert execution["status"] == "SUCCEEDED", f"{execution['error']}: {execution['cause']}"
    output: dict[str, Any] = json.loads(execution["output"])
    return output


def read(deployment: Deployment, uri: str) -> str:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    text: str = (
        deployment.cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    )
    return text


def predictions(deployment: Deployment, output: dict[str, Any]) -> list[dict[str, Any]]:
    """Lines of predictions.jsonl; the rows of predictions.csv are the same."""
    location = output["location"]
    lines = read(deployment, location.replace(".csv", ".jsonl")).splitlines()
    found = [json.loads(line) for line in lines]
    rows = list(csv.DictReader(read(deployment, location).splitlines()))
    assert rows == [
        {name: "" if value is None else str(value) for name, value in line.items()}
        for line in found
    ]
    return found


@pytest.fixture
def without_endpoint(deployment: Deployment) -> Any:
    """The endpoint is off during a test."""
    values = {"endpoint": {"enabled": False}}
    deployment.deploy_variant("Inference", validate(values, environment="dev", source="a test"))
    yield
    deployment.deploy_variant("Inference", deployment.settings)


@pytest.mark.usefixtures("without_endpoint")
def test_a_manifest_becomes_predictions_without_an_endpoint(
    deployment: Deployment, verdicts: dict[str, list[str]], messages: Messages
) -> None:
    sagemaker = deployment.cloud.client("sagemaker")
    assert sagemaker.list_endpoints()["Endpoints"] == []
    expected = {key: verdict for verdict, keys in verdicts.items() for key in keys}
    manifest = [{"prefix": f"s3://{deployment.data_bucket}/datasets/"}] + [
        key.removeprefix("datasets/") for key in expected
    ]

    key = put_manifest(deployment, "all", manifest)
    output = output_of(deployment, key)

    lines = predictions(deployment, output)
    assert {line["key"]: line["status"] for line in lines} == expected
    assert len(lines) == len(expected)
    truth = deployment.dataset.truth
    accepted = [line for line in lines if line["status"] == "accepted"]
    right = [line for line in accepted if truth[line["key"]] == line["label"]]
    assert len(right) > 0.9 * len(accepted) > 0
    assert output["counts"] == {
        "images": len(expected),
        "failed": 0,
        **{verdict: len(verdicts[verdict]) for verdict in ("accepted", "rejected")},
    }
    (message,) = messages(1)
    assert message["Subject"] == (
        f"Scones dev: {len(verdicts['rejected'])} of {len(expected)} images need attention"
    )
    assert f"All results are in {output['location']}" in message["Message"]
    (job,) = sagemaker.list_transform_jobs(NameContains="scones-dev-")["TransformJobSummaries"]
    assert job["TransformJobStatus"] == "Completed"
    tags = {tag["Key"]: tag["Value"] for tag in tags_of(deployment, job["TransformJobArn"])}
    assert tags["environment"] == "dev"


def tags_of(deployment: Deployment, arn: str) -> list[dict[str, str]]:
    tags: list[dict[str, str]] = deployment.cloud.client("sagemaker").list_tags(ResourceArn=arn)[
        "Tags"
    ]
    return tags


def test_bad_pictures_do_not_harm_the_others(
    deployment: Deployment, verdicts: dict[str, list[str]], messages: Messages
) -> None:
    s3 = deployment.cloud.client("s3")
    for name, body in (("text.png", b"no picture"), ("empty.png", b"")):
        s3.put_object(Bucket=deployment.data_bucket, Key=f"odd/{name}", Body=body)
    good = verdicts["accepted"][0]
    prefix = {"prefix": f"s3://{deployment.data_bucket}/"}

    key = put_manifest(
        deployment, "odd", [prefix, "odd/text.png", good, "odd/empty.png", "odd/gone.png"]
    )
    output = output_of(deployment, key)

    lines = {line["key"]: line for line in predictions(deployment, output)}
    assert lines[good]["status"] == "accepted"
    assert {name: line["error"] for name, line in lines.items() if name != good} == {
        "odd/text.png": "NoPrediction",
        "odd/empty.png": "ImageEmpty",
        "odd/gone.png": "ImageNotFound",
    }
    assert "Failed: ClientError: See job logs" in lines["odd/text.png"]["reason"]
    (message,) = messages(1)
    assert "1 accepted, 0 rejected, 3 failed of 4 images." in message["Message"]
    assert "odd/gone.png\n    ImageNotFound: there is no such object" in message["Message"]


def test_pictures_that_are_not_there_start_no_job(
    deployment: Deployment, messages: Messages
) -> None:
    sagemaker = deployment.cloud.client("sagemaker")
    before = sagemaker.list_transform_jobs(MaxResults=100)["TransformJobSummaries"]

    prefix = {"prefix": f"s3://{deployment.data_bucket}/"}
    output = output_of(deployment, put_manifest(deployment, "gone", [prefix, "odd/gone.png"]))

    assert output["counts"] == {"images": 1, "accepted": 0, "rejected": 0, "failed": 1}
    assert sagemaker.list_transform_jobs(MaxResults=100)["TransformJobSummaries"] == before
    messages(1)


def test_what_is_no_manifest_is_told_of(deployment: Deployment, messages: Messages) -> None:
    execution = execution_of(deployment, put_manifest(deployment, "list", b"one.png\ntwo.png"))

    assert (execution["status"], execution["error"]) == ("FAILED", "InvalidManifest")
    (message,) = messages(1)
    assert message["Subject"] == "Scones dev: an execution failed"
    assert "batch/input/list.json is no JSON" in message["Message"]


def test_a_job_that_cannot_be_created_is_told_of(
    deployment: Deployment, verdicts: dict[str, list[str]], messages: Messages
) -> None:
    ssm = deployment.cloud.client("ssm")
    name = deployment.settings.model_name_parameter
    model = ssm.get_parameter(Name=name)["Parameter"]["Value"]
    ssm.put_parameter(Name=name, Value="gone", Overwrite=True)

    prefix = {"prefix": f"s3://{deployment.data_bucket}/"}
    key = put_manifest(deployment, "no-model", [prefix, verdicts["accepted"][0]])
    execution = execution_of(deployment, key)
    ssm.put_parameter(Name=name, Value=model, Overwrite=True)

    assert execution["status"] == "FAILED"
    assert execution["error"] == "SageMaker.AmazonSageMakerException"
    (message,) = messages(1)
    assert "Could not find model" in message["Message"]


def test_a_folder_is_no_manifest(deployment: Deployment) -> None:
    key = "batch/input/folder/"
    deployment.cloud.client("s3").put_object(Bucket=deployment.data_bucket, Key=key, Body=b"")

    assert execution_of(deployment, key)["status"] == "SUCCEEDED"
