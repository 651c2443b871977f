"""Bulk runs and batch transforms of the deployed application, as the tests use them."""

import csv
import json
from typing import Any
from unittest.mock import patch

from operations import bulk
from tests.local.deployment import EXECUTION_SECONDS, Deployment
from tests.local.waiting import wait


def classify(deployment: Deployment, **source: str) -> bulk.Summary:
    """Run bulk classification to its end."""
    return followed(bulk.start(deployment.settings, source))


def followed(run: bulk.Run) -> bulk.Summary:
    """Follow a bulk run to its end, without the usual seconds between two looks."""
    with patch.object(bulk, "POLL_SECONDS", 0.1):
        return bulk.follow(run, lambda *_: None)


def lines(deployment: Deployment, summary: bulk.Summary) -> list[dict[str, Any]]:
    """Return the results of a bulk run."""
    return [json.loads(line) for line in deployment.read(summary.location).splitlines()]


def transform_machine(deployment: Deployment) -> str:
    """Return the ARN of the state machine that each manifest starts."""
    return deployment.outputs("Batch")["BatchTransformStateMachineArn"]


def transform(deployment: Deployment, name: str, *manifest: Any) -> dict[str, Any]:
    """Upload a manifest; return the output of the execution that it starts."""
    execution = execution_of(deployment, put_manifest(deployment, name, *manifest))
    assert execution["status"] == "SUCCEEDED", f"{execution['error']}: {execution['cause']}"
    output: dict[str, Any] = json.loads(execution["output"])
    return output


def put_manifest(deployment: Deployment, name: str, *manifest: Any) -> str:
    """Upload a manifest of pictures of the data bucket; return its key."""
    key = f"batch/input/{name}.json"
    prefix = {"prefix": f"s3://{deployment.data_bucket}/"}
    deployment.put(key, json.dumps([prefix, *manifest]).encode())
    return key


def execution_of(deployment: Deployment, key: str) -> dict[str, Any]:
    """Return the ended execution that a new object below batch/input/ starts."""
    client, machine = deployment.cloud.client("stepfunctions"), transform_machine(deployment)

    def ended() -> dict[str, Any] | None:
        for execution in client.list_executions(stateMachineArn=machine)["executions"]:
            described: dict[str, Any] = client.describe_execution(
                executionArn=execution["executionArn"]
            )
            same = json.loads(described["input"]).get("object", {}).get("key") == key
            if same and described["status"] != "RUNNING":
                return described
        return None

    return dict(wait(ended, EXECUTION_SECONDS, every=0.2))


def predictions(deployment: Deployment, output: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the lines of predictions.jsonl; the rows of predictions.csv must be the same."""
    location = output["location"]
    text = deployment.read(location.replace(".csv", ".jsonl"))
    found = [json.loads(line) for line in text.splitlines()]
    rows = list(csv.DictReader(deployment.read(location).decode().splitlines()))
    assert rows == [
        {name: "" if value is None else str(value) for name, value in line.items()}
        for line in found
    ]
    return found
