"""What the batch transform reads in its event, and of a job that failed."""

import json
import re
from typing import Any

import pytest

from settings.loader import validate
from stacks.constructs.batch import transform_expressions as expressions
from tests.unit.stacks.evaluation import evaluate

JOB_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")  # of CreateTransformJob
PREFIX = validate({}, environment="e" * 16, source="a test").resource_prefix


def read(key: str = "batch/input/one.json", sequencer: str = "0A") -> dict[str, Any]:
    """What is made of the event of a new manifest."""
    detail = {"bucket": {"name": "data"}, "object": {"key": key, "sequencer": sequencer}}
    run: dict[str, Any] = evaluate(expressions.read_event(PREFIX), {"input": detail})
    return run


def test_a_job_is_named_after_its_manifest() -> None:
    run = read()

    assert JOB_NAME.fullmatch(run["job"])
    assert run["job"].startswith(f"{PREFIX}-")
    assert run == {
        "bucket": "data",
        "key": "batch/input/one.json",
        "job": run["job"],
        "output": f"batch/output/{run['job']}",
    }


def test_the_same_event_has_the_same_job_and_the_next_one_another() -> None:
    assert read() == read()
    jobs = {read()["job"], read(sequencer="0B")["job"], read(key="batch/input/two.json")["job"]}
    assert len(jobs) == 3


@pytest.mark.parametrize(("key", "is_folder"), [("batch/input/a/", True), ("batch/a.json", False)])
def test_a_folder_is_known_by_its_slash(key: str, is_folder: bool) -> None:
    assert evaluate(expressions.IS_FOLDER, {"input": {"key": key}}) is is_folder


RUN = {"job": "scones-test-1", "usable": 3}
FAILED = {"TransformJobStatus": "Failed", "FailureReason": "ClientError: See job logs"}
STOPPED = {"TransformJobStatus": "Stopped"}


@pytest.mark.parametrize(
    ("caught", "failure"),
    [
        (
            {"Error": "States.TaskFailed", "Cause": json.dumps(FAILED)},
            "Failed: ClientError: See job logs",
        ),
        ({"Error": "States.TaskFailed", "Cause": json.dumps(STOPPED)}, "Stopped"),
        (
            {"Error": "States.Timeout"},
            "stopped after 30 minutes, batch_transform.max_runtime_minutes",
        ),
    ],
)
def test_of_a_job_that_ran_it_is_told_why_it_failed(caught: dict[str, str], failure: str) -> None:
    run = evaluate(expressions.why_it_failed(30), {"input": caught}, run=RUN)

    assert run == {**RUN, "failure": failure}
    assert evaluate(expressions.JOB_RAN, {"input": run})


def test_what_is_no_job_fails_with_its_own_error() -> None:
    caught = {"Error": "SageMaker.AmazonSageMakerException", "Cause": "Could not find model"}

    run = evaluate(expressions.why_it_failed(30), {"input": caught}, run=RUN)

    assert not evaluate(expressions.JOB_RAN, {"input": run})
    assert evaluate(expressions.ERROR, {"input": run}) == caught["Error"]
    assert evaluate(expressions.CAUSE, {"input": run}) == caught["Cause"]


@pytest.mark.parametrize(
    ("caught", "cause"),
    [
        ({"Error": "States.TaskFailed"}, "no cause was reported"),
        (
            {"Error": "States.TaskFailed", "Cause": 'Of {"TransformJobStatus" nothing came'},
            'Of {"TransformJobStatus" nothing came',
        ),
    ],
)
def test_a_cause_that_is_missing_or_no_json_ends_in_words(
    caught: dict[str, str], cause: str
) -> None:
    run = evaluate(expressions.why_it_failed(30), {"input": caught}, run=RUN)

    assert evaluate(expressions.CAUSE, {"input": run}) == cause


def test_a_job_whose_description_was_cut_off_ran() -> None:
    cause = json.dumps(FAILED)[:-2]

    run = evaluate(
        expressions.why_it_failed(30), {"input": {"Error": "E", "Cause": cause}}, run=RUN
    )

    assert run["failure"] == "Failed: ClientError: See job logs"
