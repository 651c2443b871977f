import json
import re
from typing import Any

import pytest

from settings.loader import validate
from stacks.constructs.batch import transform_expressions as expressions
from stacks.constructs.common.jsonata import PROBLEM
from tests.infrastructure.expressions.evaluation import evaluate

JOB_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")  # of CreateTransformJob
PREFIX = validate({}, environment="e" * 16, source="a test").resource_prefix


def read_input(given: Any) -> dict[str, Any]:
    """Return what the expression makes of the input of an execution."""
    context = {"Execution": {"Name": "this-run", "Id": "arn:this-run"}}
    made: dict[str, Any] = evaluate(
        expressions.read_event(PREFIX, "data"), {"input": given, "context": context}
    )
    return made


def read(key: str = "batch/input/one.json", sequencer: str = "0A") -> dict[str, Any]:
    """Return what the expression makes of the event of a new manifest."""
    return read_input({"bucket": {"name": "data"}, "object": {"key": key, "sequencer": sequencer}})


def test_a_job_is_named_after_its_manifest() -> None:
    run = read()

    assert JOB_NAME.fullmatch(run["job"])
    assert run["job"].startswith(f"{PREFIX}-")
    assert run == {
        "bucket": "data",
        "key": "batch/input/one.json",
        "job": run["job"],
        "output": f"batch/output/{run['job']}",
        "execution": "arn:this-run",
    }
    assert not evaluate(expressions.HAS_PROBLEM, {"input": run})


def test_the_same_event_has_the_same_job_and_the_next_one_another() -> None:
    assert read() == read()
    jobs = {read()["job"], read(sequencer="0B")["job"], read(key="batch/input/two.json")["job"]}
    assert len(jobs) == 3


@pytest.mark.parametrize(("etag", "made"), [("d41d8", "d41d8"), (7, None), (None, None)])
def test_the_version_of_the_manifest_is_handed_on(etag: Any, made: str | None) -> None:
    written = {"key": "batch/input/one.json", "sequencer": "0A", "etag": etag}

    assert read_input({"bucket": {"name": "data"}, "object": written}).get("etag") == made


def test_an_execution_by_hand_needs_no_sequencer() -> None:
    by_hand = {"bucket": {"name": "data"}, "object": {"key": "batch/input/one.json"}}

    assert read_input(by_hand) == read_input(by_hand)
    assert JOB_NAME.fullmatch(read_input(by_hand)["job"])
    assert read_input(by_hand)["job"] != read()["job"]


@pytest.mark.parametrize(
    "given",
    [
        {},
        [],
        [{"bucket": {"name": "data"}, "object": {"key": "batch/input/one.json"}}],
        "s3://data/batch/input/one.json",
        "",
        7,
        True,
        None,
        {"bucket": "data", "object": "batch/input/one.json"},
        {"bucket": {"name": "data"}},
        {"bucket": {"name": "data"}, "object": None},
        {"bucket": {"name": 7}, "object": {"key": "batch/input/one.json"}},
        {"bucket": {"name": "data"}, "object": {"key": ["batch/input/one.json"]}},
        {"bucket": {"name": "data"}, "object": {"key": "batch/input/one.json", "sequencer": 7}},
        {"detail": {"bucket": {"name": "data"}, "object": {"key": "batch/input/one.json"}}},
    ],
    ids=str,
)
def test_an_input_that_is_no_event_is_refused_in_words(given: Any) -> None:
    made = read_input(given)

    assert evaluate(expressions.HAS_PROBLEM, {"input": made})
    said = evaluate(PROBLEM, {"input": made})
    shown = given if isinstance(given, str) else json.dumps(given, separators=(",", ":"))
    assert said.startswith(f"the input is {shown}; expected the S3 event of a manifest, ")
    assert '{"bucket": {"name": "data"}, "object": {"key": "batch/input/....json"}}' in said
    assert said.endswith("Putting a manifest below s3://data/batch/input/ starts an execution")


@pytest.mark.parametrize(
    ("bucket", "key"),
    [
        ("elsewhere", "batch/input/one.json"),
        ("data", "one.json"),
        ("data", "batch/input2/one"),
        ("data", "x" * 50_000),
    ],
    ids=lambda value: value[:20],
)
def test_a_manifest_elsewhere_is_refused_in_words(bucket: str, key: str) -> None:
    made = read_input({"bucket": {"name": bucket}, "object": {"key": key}})

    assert made == {
        "problem": f"{f's3://{bucket}/{key}':.1024} is not below s3://data/batch/input/, where "
        "manifests must be"
    }


@pytest.mark.parametrize(("key", "is_folder"), [("batch/input/a/", True), ("batch/a.json", False)])
def test_a_folder_is_known_by_its_slash(key: str, is_folder: bool) -> None:
    assert evaluate(expressions.IS_FOLDER, {"input": {"key": key}}) is is_folder


RUN = {"job": "scones-test-1", "usable": 3}


MIDNIGHT = 1_767_225_600_000  # of 2026-01-01
CONTEXT = {"State": {"EnteredTime": "2026-01-01T00:00:00.000Z"}}


def caught(error: str, **more: str) -> dict[str, Any]:
    """Variables after an error of the state, which was entered at midnight."""
    states = {"errorOutput": {"Error": error, **more}, "context": CONTEXT}
    return {name: evaluate(value, states) for name, value in expressions.caught(90).items()}


def described(job: dict[str, str], *, stop_in: int) -> dict[str, Any]:
    """Evaluate the description, at midnight, of a job to be stopped `stop_in` minutes later."""
    states = {"result": job, "context": CONTEXT}
    run: dict[str, Any] = evaluate(
        expressions.described(30), states, run=RUN, stopAt=in_minutes(stop_in)
    )
    return run


def in_minutes(minutes: int) -> int:
    return MIDNIGHT + minutes * 60_000


@pytest.mark.parametrize(
    ("job", "failure"),
    [
        ({"TransformJobStatus": "Failed", "FailureReason": "See job logs"}, "Failed: See job logs"),
        ({"TransformJobStatus": "Failed"}, "Failed"),
        ({"TransformJobStatus": "Stopped"}, "Stopped"),
    ],
)
def test_of_a_job_that_ended_it_is_told_why(job: dict[str, str], failure: str) -> None:
    run = described(job, stop_in=5)

    assert run == {**RUN, "status": job["TransformJobStatus"], "failure": failure}
    assert evaluate(expressions.HAS_ENDED, {"input": run})


def test_of_a_job_that_was_stopped_for_its_time_it_is_told() -> None:
    run = described({"TransformJobStatus": "Stopped"}, stop_in=-1)

    assert run["failure"] == "stopped after 30 minutes, batch_transform.max_runtime_minutes"


def test_a_job_that_completed_after_all_has_no_failure() -> None:
    run = described({"TransformJobStatus": "Completed"}, stop_in=-1)

    assert run == {**RUN, "status": "Completed"}
    assert evaluate(expressions.HAS_ENDED, {"input": run})


@pytest.mark.parametrize(
    ("status", "minutes", "is_overdue"),
    [("InProgress", 0, True), ("InProgress", 1, False), ("Stopping", -1, False)],
)
def test_a_job_is_stopped_once_it_is_overdue(status: str, minutes: int, is_overdue: bool) -> None:
    run = described({"TransformJobStatus": status}, stop_in=minutes)

    assert not evaluate(expressions.HAS_ENDED, {"input": run})
    overdue = evaluate(
        expressions.IS_OVERDUE, {"input": run, "context": CONTEXT}, stopAt=in_minutes(minutes)
    )
    assert overdue is is_overdue


@pytest.mark.parametrize(
    ("error", "is_there", "minutes"),
    [
        ("States.Timeout", True, 0),
        ("States.TaskFailed", True, 90),
        ("SageMaker.ResourceInUseException", True, 90),
        ("SageMaker.AmazonSageMakerException", False, 90),
        ("SageMaker.ResourceLimitExceededException", False, 90),
    ],
)
def test_an_error_says_whether_there_is_a_job_and_when_to_stop_it(
    error: str, is_there: bool, minutes: int
) -> None:
    variables = caught(error, Cause="words")

    assert (variables["errorName"], variables["errorCause"]) == (error, "words")
    assert variables["isThere"] is is_there
    assert variables["stopAt"] == in_minutes(minutes)


def test_an_error_without_a_cause_ends_in_words() -> None:
    assert caught("SageMaker.AmazonSageMakerException")["errorCause"] == "no cause was reported"
