"""A manifest below batch/input/, and what comes of it."""

import csv
import hashlib
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
    deadline = time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < deadline:
        listed = client.list_executions(stateMachineArn=state_machine(deployment))["executions"]
        for execution in listed:
            described: dict[str, Any] = client.describe_execution(
                executionArn=execution["executionArn"]
            )
            same = json.loads(described["input"]).get("object", {}).get("key") == key
            if same and described["status"] != "RUNNING":
                return described
        time.sleep(0.2)
    raise AssertionError(f"no execution of {key} ended within {LONGEST_SECONDS} s")


def state_machine(deployment: Deployment) -> str:
    return deployment.outputs("Batch")["BatchTransformStateMachineArn"]


def ended(deployment: Deployment, given: Any, *, machine: str = "") -> dict[str, Any]:
    """The execution that is started by hand with an input, once it has ended."""
    client = deployment.cloud.client("stepfunctions")
    execution = client.start_execution(
        stateMachineArn=machine or state_machine(deployment), input=json.dumps(given)
    )["executionArn"]
    deadline = time.monotonic() + LONGEST_SECONDS
    while True:
        described: dict[str, Any] = client.describe_execution(executionArn=execution)
        if described["status"] != "RUNNING":
            return described
        assert time.monotonic() < deadline, f"it did not end within {LONGEST_SECONDS} s"
        time.sleep(0.1)


def event(deployment: Deployment, key: str, sequencer: str) -> dict[str, Any]:
    """What S3 says of a new manifest, as far as it is read."""
    return {
        "bucket": {"name": deployment.data_bucket},
        "object": {"key": key, "sequencer": sequencer},
    }


def job_of(event: dict[str, Any]) -> str:
    """The name that the event's job gets."""
    bucket, made = event["bucket"]["name"], event["object"]
    written = f"{bucket}/{made['key']} {made['sequencer']}"
    return f"scones-dev-{hashlib.sha256(written.encode()).hexdigest()[:32]}"


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
        "folders": 0,
        **{verdict: len(verdicts[verdict]) for verdict in ("accepted", "rejected")},
    }
    (message,) = messages(1)
    assert message["Subject"] == (
        f"Scones dev: {len(verdicts['rejected'])} of {len(expected)} images need attention"
    )
    assert f"All results are in {output['location']}" in message["Message"]
    job = sagemaker.describe_transform_job(TransformJobName=output["location"].split("/")[-2])
    assert job["TransformJobStatus"] == "Completed"
    tags = {tag["Key"]: tag["Value"] for tag in tags_of(deployment, job["TransformJobArn"])}
    assert tags["environment"] == "dev"


def test_an_event_that_comes_twice_is_handled_once(
    deployment: Deployment, verdicts: dict[str, list[str]], messages: Messages
) -> None:
    prefix = {"prefix": f"s3://{deployment.data_bucket}/"}
    key = put_manifest(deployment, "twice", [prefix, verdicts["rejected"][0]])
    first = execution_of(deployment, key)

    second = ended(deployment, json.loads(first["input"]))

    assert second["status"] == "SUCCEEDED"
    assert json.loads(second["output"])["duplicate_of"] == first["executionArn"]
    messages(1)


def test_a_job_whose_start_was_not_heard_of_is_found_by_its_name(
    deployment: Deployment, verdicts: dict[str, list[str]], messages: Messages
) -> None:
    bucket = deployment.data_bucket
    keys = [verdicts["accepted"][0], verdicts["rejected"][0]]
    key = put_manifest(deployment, "known", [{"prefix": f"s3://{bucket}/"}, *keys])
    again = event(deployment, key, "another")
    job = job_of(again)
    source = {"S3DataType": "ManifestFile", "S3Uri": f"s3://{bucket}/{key}"}
    deployment.cloud.client("sagemaker").create_transform_job(
        TransformJobName=job,
        ModelName=deployment.cloud.client("ssm").get_parameter(
            Name=deployment.settings.model_name_parameter
        )["Parameter"]["Value"],
        TransformInput={
            "DataSource": {"S3DataSource": source},
            "ContentType": "application/x-image",
        },
        TransformOutput={"S3OutputPath": f"s3://{bucket}/batch/output/{job}/raw"},
        TransformResources={"InstanceType": "ml.m5.xlarge", "InstanceCount": 1},
    )

    execution = ended(deployment, again)

    assert execution["status"] == "SUCCEEDED", execution
    counts = json.loads(execution["output"])["counts"]
    assert counts == {"images": 2, "accepted": 1, "rejected": 1, "failed": 0, "folders": 0}
    messages(2)  # one for the event of S3


def test_a_job_whose_state_times_out_is_stopped_before_its_results_are_read(
    deployment: Deployment, messages: Messages
) -> None:
    client = deployment.cloud.client("stepfunctions")
    described = client.describe_state_machine(stateMachineArn=state_machine(deployment))
    definition = json.loads(described["definition"])
    definition["States"]["Transform"]["TimeoutSeconds"] = 0.1  # less than its server takes to start
    definition["States"]["Wait for the job"]["Seconds"] = 1
    keys = list(deployment.dataset.truth)[:50]
    manifest = [{"prefix": f"s3://{deployment.data_bucket}/"}, *keys]
    given = event(deployment, put_manifest(deployment, "slow", manifest), "by hand")
    machine = client.create_state_machine(
        name="impatient", definition=json.dumps(definition), roleArn=described["roleArn"]
    )["stateMachineArn"]

    execution = ended(deployment, given, machine=machine)

    client.delete_state_machine(stateMachineArn=machine)
    assert execution["status"] == "SUCCEEDED", execution
    job = deployment.cloud.client("sagemaker").describe_transform_job(
        TransformJobName=job_of(given)
    )
    assert job["TransformJobStatus"] == "Stopped"
    lines = predictions(deployment, json.loads(execution["output"]))
    assert {line["key"] for line in lines} == set(keys)
    (reason,) = {line["reason"] for line in lines if line["error"] == "NoPrediction"}
    assert "stopped after 240 minutes, batch_transform.max_runtime_minutes" in reason
    messages(2)  # one for the event of S3


def test_an_execution_by_hand_with_something_else_is_refused_in_words(
    deployment: Deployment, messages: Messages
) -> None:
    execution = ended(deployment, {})

    assert (execution["status"], execution["error"]) == ("FAILED", "InvalidInput")
    (message,) = messages(1)
    assert "the input is {}; expected what S3 says of a manifest" in message["Message"]


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
    assert "odd/gone.png\n    ImageNotFound: the object does not exist" in message["Message"]


def test_pictures_that_are_not_there_start_no_job(
    deployment: Deployment, messages: Messages
) -> None:
    sagemaker = deployment.cloud.client("sagemaker")
    before = sagemaker.list_transform_jobs(MaxResults=100)["TransformJobSummaries"]

    prefix = {"prefix": f"s3://{deployment.data_bucket}/"}
    output = output_of(deployment, put_manifest(deployment, "gone", [prefix, "odd/gone.png"]))

    assert output["counts"] == {
        "images": 1,
        "accepted": 0,
        "rejected": 0,
        "failed": 1,
        "folders": 0,
    }
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
