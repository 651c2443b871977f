"""Handlers and a state machine as other projects for this task write them, run as they are.

They are those that `python -m benchmarks` measures ours beside; see `benchmarks/comparator/`.
"""

import json
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


def run(deployment: Deployment, machine: str) -> dict[str, Any]:
    image = deployment.image(next(iter(deployment.dataset.truth)))
    return deployment.execute({"image_data": "", "inferences": [], **image}, machine=machine)


def test_a_picture_passes_the_three_steps(
    deployment: Deployment,
) -> None:
    with chained(threshold=0.0) as arn:
        state = run(deployment, arn)

    assert state["status"] == "SUCCEEDED", state
    inferences = json.loads(json.loads(state["output"])["body"])["inferences"]
    assert len(inferences) == 2
    assert sum(inferences) == pytest.approx(1)


def test_a_low_confidence_fails_by_the_name_of_the_exception(
    deployment: Deployment,
) -> None:
    with chained(threshold=1.1) as arn:
        state = run(deployment, arn)

    assert (state["status"], state["error"]) == ("FAILED", "THRESHOLD_CONFIDENCE_NOT_MET")
    assert "confidence is too low" in state["cause"]
