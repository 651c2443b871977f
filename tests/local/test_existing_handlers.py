"""Handlers and a state machine as other projects for this task write them, run as they are.

They are those that `python -m benchmarks` measures ours beside; see `benchmarks/comparator/`.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest

from benchmarks.comparator import workflow
from tests.local.deployment import Deployment


@contextmanager
def chained(threshold: float) -> Iterator[str]:
    """ARN of the chained state machine whose filter has this threshold."""
    session = boto3.Session()
    with (
        workflow.functions(session, threshold=threshold) as functions,
        workflow.state_machine(session, workflow.chain(functions)) as arn,
    ):
        yield arn


def run(deployment: Deployment, arn: str, key: str) -> dict[str, Any]:
    machines = deployment.cloud.client("stepfunctions")
    event = {"image_data": "", "inferences": [], **deployment.image(key)}
    execution = machines.start_execution(stateMachineArn=arn, input=json.dumps(event))
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        state: dict[str, Any] = machines.describe_execution(executionArn=execution["executionArn"])
        if state["status"] != "RUNNING":
            return state
        time.sleep(0.1)
    raise AssertionError("the execution did not end within 60 s")


def test_a_picture_passes_the_three_steps(
    deployment: Deployment,
) -> None:
    with chained(threshold=0.0) as arn:
        state = run(deployment, arn, next(iter(deployment.dataset.truth)))

    assert state["status"] == "SUCCEEDED", state
    inferences = json.loads(json.loads(state["output"])["body"])["inferences"]
    assert len(inferences) == 2
    assert sum(inferences) == pytest.approx(1)


def test_a_low_confidence_fails_by_the_name_of_the_exception(
    deployment: Deployment,
) -> None:
    with chained(threshold=1.1) as arn:
        state = run(deployment, arn, next(iter(deployment.dataset.truth)))

    assert (state["status"], state["error"]) == ("FAILED", "THRESHOLD_CONFIDENCE_NOT_MET")
    assert "confidence is too low" in state["cause"]
