"""Manifests below batch/input/: what they start, and what comes of it."""

import hashlib
import json
from typing import Any

from tests.local.batch import execution_of, predictions, put_manifest, transform, transform_machine
from tests.local.deployment import Deployment
from tests.local.inbox import Messages


def test_a_duplicate_event_is_handled_once(
    deployment: Deployment, verdicts: dict[str, list[str]], messages: Messages
) -> None:
    key = put_manifest(deployment, "duplicate", verdicts["rejected"][0])
    first = execution_of(deployment, key)

    second = by_hand(deployment, json.loads(first["input"]))

    assert second["status"] == "SUCCEEDED"
    assert json.loads(second["output"])["duplicate_of"] == first["executionArn"]
    messages(1)


def test_a_job_whose_start_got_no_answer_is_found_by_its_name(
    deployment: Deployment, verdicts: dict[str, list[str]], messages: Messages
) -> None:
    bucket, ssm = deployment.data_bucket, deployment.cloud.client("ssm")
    keys = [verdicts["accepted"][0], verdicts["rejected"][0]]
    key = put_manifest(deployment, "known", *keys)
    again = event(deployment, key, "another")
    job = job_of(again)
    source = {"S3DataType": "ManifestFile", "S3Uri": f"s3://{bucket}/{key}"}
    deployment.cloud.client("sagemaker").create_transform_job(
        TransformJobName=job,
        ModelName=ssm.get_parameter(Name=deployment.settings.model_name_parameter)["Parameter"][
            "Value"
        ],
        TransformInput={
            "DataSource": {"S3DataSource": source},
            "ContentType": "application/x-image",
        },
        TransformOutput={"S3OutputPath": f"s3://{bucket}/batch/output/{job}/raw"},
        TransformResources={"InstanceType": "ml.m5.xlarge", "InstanceCount": 1},
    )

    execution = by_hand(deployment, again)

    assert execution["status"] == "SUCCEEDED", execution
    counts = json.loads(execution["output"])["counts"]
    assert counts == {"images": 2, "accepted": 1, "rejected": 1, "failed": 0, "folders": 0}
    messages(2)  # one for the event of S3


def test_a_job_whose_state_times_out_is_stopped_before_its_results_are_read(
    deployment: Deployment, messages: Messages
) -> None:
    client = deployment.cloud.client("stepfunctions")
    described = client.describe_state_machine(stateMachineArn=transform_machine(deployment))
    definition = json.loads(described["definition"])
    definition["States"]["Transform"]["TimeoutSeconds"] = 0.1  # less than its server takes to start
    definition["States"]["Wait for the job"]["Seconds"] = 1
    keys = list(deployment.dataset.ground_truth)[:12]
    given = event(deployment, put_manifest(deployment, "slow", *keys), "by hand")
    machine = client.create_state_machine(
        name="impatient", definition=json.dumps(definition), roleArn=described["roleArn"]
    )["stateMachineArn"]

    execution = by_hand(deployment, given, machine=machine)

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


def test_any_other_input_is_refused(deployment: Deployment, messages: Messages) -> None:
    execution = by_hand(deployment, {})

    assert (execution["status"], execution["error"]) == ("FAILED", "InvalidInput")
    (message,) = messages(1)
    assert "the input is {}; expected the S3 event of a manifest" in message["Message"]


def test_bad_pictures_do_not_harm_the_others(
    deployment: Deployment, verdicts: dict[str, list[str]], messages: Messages
) -> None:
    deployment.put("transform/text.png", b"no picture")
    deployment.put("transform/empty.png", b"")
    good, bad = verdicts["accepted"][0], ("text", "empty", "gone")

    output = transform(deployment, "bad", good, *(f"transform/{name}.png" for name in bad))

    found = {line["key"]: line for line in predictions(deployment, output)}
    assert found[good]["status"] == "accepted"
    assert {name: line["error"] for name, line in found.items() if name != good} == {
        "transform/text.png": "NoPrediction",
        "transform/empty.png": "ImageEmpty",
        "transform/gone.png": "ImageNotFound",
    }
    assert "Failed: ClientError: See job logs" in found["transform/text.png"]["reason"]
    (message,) = messages(1)
    assert "1 accepted, 0 rejected, 3 failed of 4 images." in message["Message"]
    assert "transform/gone.png\n    ImageNotFound: the object does not exist" in message["Message"]


def test_missing_pictures_start_no_job(deployment: Deployment, messages: Messages) -> None:
    sagemaker = deployment.cloud.client("sagemaker")
    before = sagemaker.list_transform_jobs(MaxResults=100)["TransformJobSummaries"]

    output = transform(deployment, "missing", "transform/gone.png")

    counts = {"images": 1, "accepted": 0, "rejected": 0, "failed": 1, "folders": 0}
    assert output["counts"] == counts
    assert sagemaker.list_transform_jobs(MaxResults=100)["TransformJobSummaries"] == before
    messages(1)


def test_an_unreadable_manifest_is_reported(deployment: Deployment, messages: Messages) -> None:
    deployment.put("batch/input/list.json", b"one.png\ntwo.png")
    execution = execution_of(deployment, "batch/input/list.json")

    assert (execution["status"], execution["error"]) == ("FAILED", "InvalidManifest")
    (message,) = messages(1)
    assert message["Subject"] == "Scones dev: an execution failed"
    assert "batch/input/list.json is not JSON" in message["Message"]


def test_a_job_that_cannot_be_created_is_reported(
    deployment: Deployment, verdicts: dict[str, list[str]], messages: Messages
) -> None:
    ssm = deployment.cloud.client("ssm")
    name = deployment.settings.model_name_parameter
    model = ssm.get_parameter(Name=name)["Parameter"]["Value"]

    ssm.put_parameter(Name=name, Value="gone", Overwrite=True)
    key = put_manifest(deployment, "no-model", verdicts["accepted"][0])
    execution = execution_of(deployment, key)
    ssm.put_parameter(Name=name, Value=model, Overwrite=True)

    assert execution["status"] == "FAILED"
    assert execution["error"] == "SageMaker.AmazonSageMakerException"
    (message,) = messages(1)
    assert "Could not find model" in message["Message"]


def test_a_folder_is_no_manifest(deployment: Deployment) -> None:
    deployment.put("batch/input/folder/", b"")

    assert execution_of(deployment, "batch/input/folder/")["status"] == "SUCCEEDED"


def by_hand(deployment: Deployment, given: Any, *, machine: str = "") -> dict[str, Any]:
    return deployment.execute(given, machine=machine or transform_machine(deployment))


def event(deployment: Deployment, key: str, sequencer: str) -> dict[str, Any]:
    """Return the part of S3's event for a new manifest that is read."""
    return {
        "bucket": {"name": deployment.data_bucket},
        "object": {"key": key, "sequencer": sequencer},
    }


def job_of(event: dict[str, Any]) -> str:
    """Return the name of the job that the event starts."""
    bucket, made = event["bucket"]["name"], event["object"]
    written = f"{bucket}/{made['key']} {made['sequencer']}"
    return f"scones-dev-{hashlib.sha256(written.encode()).hexdigest()[:32]}"
