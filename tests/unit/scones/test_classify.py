"""The command against the API of AWS, by stubs: no execution runs."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from operations import bulk
from operations.aws import AwsError
from scones.__main__ import main
from scones.classify import EXIT_NOT_ALL_ACCEPTED
from scones.errors import EXIT_FAILED
from settings.loader import validate

MACHINE = "arn:aws:states:us-east-1:111122223333:stateMachine:Bulk"
RESULTS = "s3://artifacts/bulk"
OUTPUTS = {"BulkStateMachineArn": MACHINE, "BulkResultsUri": RESULTS}
POLL_SECONDS = bulk.POLL_SECONDS
BEGIN = datetime(2026, 1, 2, tzinfo=UTC)


ALL_ACCEPTED = {"images": 4, "accepted": 4, "rejected": 0, "failed": 0}


class StepFunctions:
    """Executions by their ARN, and how they end."""

    class exceptions:  # noqa: N801  # as a client of boto3 has it
        class ExecutionDoesNotExist(Exception): ...

        class InvalidArn(Exception): ...

        class ExecutionAlreadyExists(Exception): ...

    def __init__(self) -> None:
        self.executions: dict[str, dict[str, Any]] = {}
        self.end: dict[str, Any] = {"status": "SUCCEEDED"}
        self.counts: dict[str, int] | None = ALL_ACCEPTED

    def start_execution(self, *, name: str, input: str, **_: Any) -> dict[str, str]:
        arn = arn_of(name)
        if arn in self.executions:
            raise self.exceptions.ExecutionAlreadyExists(arn)
        self.executions[arn] = {
            "executionArn": arn,
            "input": input,
            "startDate": BEGIN,
            "status": "RUNNING",
        }
        return {"executionArn": arn}

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:
        if executionArn not in self.executions:
            raise self.exceptions.ExecutionDoesNotExist(executionArn)
        return dict(self.executions[executionArn])

    def list_map_runs(self, *, executionArn: str) -> dict[str, Any]:
        self.finish(executionArn)
        return {"mapRuns": [{"mapRunArn": "arn:map"}]}

    def describe_map_run(self, **_: Any) -> dict[str, Any]:
        return {"itemCounts": {"succeeded": 2, "failed": 1, "total": 4}}

    def fail(self, status: str = "FAILED", **why: str) -> None:
        self.counts, self.end = None, {"status": status, **why}

    def names(self) -> list[str]:
        return [arn.rpartition(":")[2] for arn in self.executions]

    def finish(self, arn: str) -> None:
        stopped = BEGIN + timedelta(seconds=8)
        self.executions[arn] |= {"stopDate": stopped, **self.end}
        if self.counts:
            run = json.loads(self.executions[arn]["input"]).get("results", arn.rpartition(":")[2])
            summary = {
                "counts": self.counts,
                "location": "s3://artifacts/bulk/results.jsonl",
                "execution": arn,
            }
            key = f"bulk/{run.rpartition('/')[2]}/summary.json"
            s3().put_object(Bucket="artifacts", Key=key, Body=json.dumps(summary).encode())


def arn_of(name: str) -> str:
    return f"{MACHINE.replace(':stateMachine:', ':execution:')}:{name}"


def s3() -> Any:
    return boto3.client("s3", region_name="us-east-1")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[StepFunctions]:
    fake = StepFunctions()
    monkeypatch.setattr(bulk, "stack_output", lambda _settings, _stack, output: OUTPUTS[output])
    monkeypatch.setattr(bulk, "POLL_SECONDS", 0)
    monkeypatch.setattr("scones.classify.announce", lambda: None)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        s3().create_bucket(Bucket="artifacts")
        clients = {"stepfunctions": fake, "s3": s3()}
        session = SimpleNamespace(client=clients.__getitem__)
        for user in ("operations.bulk", "operations.aws"):
            monkeypatch.setattr(f"{user}.session", lambda: session)
        yield fake


Classify = Callable[..., tuple[int, str]]


@pytest.fixture
def classify(machine: StepFunctions, capsys: pytest.CaptureFixture[str]) -> Classify:
    """`classify("s3://a/")` runs the command and returns its exit code and what it printed."""

    def run(*arguments: str) -> tuple[int, str]:
        return main(["classify", *arguments]), "".join(capsys.readouterr())

    return run


PREFIX = "s3://pictures/a/"


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ([PREFIX], {"prefix": PREFIX}),
        (["s3://pictures"], {"prefix": "s3://pictures/"}),
        (["s3://pictures/a b#1?"], {"prefix": "s3://pictures/a b#1?"}),
        (["--manifest", "s3://pictures/l.csv"], {"manifest": "s3://pictures/l.csv"}),
    ],
)
def test_a_run_over_pictures_that_are_all_accepted(
    machine: StepFunctions, classify: Classify, arguments: list[str], given: dict[str, str]
) -> None:
    code, said = classify(*arguments)

    assert code == 0
    (execution,), (name,) = machine.executions.values(), machine.names()
    assert json.loads(execution["input"]) == given
    assert f"Run {name}, results in {RESULTS}/{name}" in said
    assert "s3://artifacts/bulk/results.jsonl" in said
    assert "0.5" in said  # 4 pictures in 8 seconds


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([""], "prefix: '' is not an S3 URI; expected s3://BUCKET/KEY"),
        (["--manifest", ""], "manifest: '' is not an S3 URI"),
        (["--manifest", "s3://pictures"], "manifest: 's3://pictures' names no object"),
        (["pictures/a/"], "prefix: 'pictures/a/' is not an S3 URI"),
        (["--resume", "never"], "there is no run 'never'; a run has the name"),
        (["--resume", ""], "there is no run ''"),
    ],
)
def test_what_is_no_s3_uri_or_no_run_is_refused(
    machine: StepFunctions, classify: Classify, arguments: list[str], words: str
) -> None:
    code, said = classify(*arguments)

    assert (code, machine.executions) == (EXIT_FAILED, {})
    assert words in said


@pytest.mark.parametrize("end", [{"status": "SUCCEEDED"}, {"status": "FAILED", "error": "X"}])
def test_pictures_that_are_not_accepted_have_an_exit_code(
    machine: StepFunctions, classify: Classify, end: dict[str, str]
) -> None:
    """Also where the execution then fails, as `on_rejection = "fail"` asks for."""
    machine.end = end
    machine.counts = {"images": 4, "accepted": 3, "rejected": 0, "failed": 1}

    assert classify(PREFIX)[0] == EXIT_NOT_ALL_ACCEPTED


def test_a_run_that_ended_early_says_why_and_how_to_finish_it(
    machine: StepFunctions, classify: Classify
) -> None:
    machine.fail(error="InvalidInput", cause="not in the data bucket")

    code, said = classify(PREFIX, "--environment", "prod")

    assert code == EXIT_FAILED
    assert "is FAILED: InvalidInput: not in the data bucket" in said
    assert f"scones classify --resume {machine.names()[0]} --environment prod" in said


def test_the_cause_of_a_failed_function_is_its_message(
    machine: StepFunctions, classify: Classify
) -> None:
    cause = {"errorMessage": "no picture there", "errorType": "Nothing", "stackTrace": ["a line"]}
    machine.fail(error="Nothing", cause=json.dumps(cause))

    code, said = classify(PREFIX)

    assert code == EXIT_FAILED
    assert "is FAILED: Nothing: no picture there\n" in said
    assert "stackTrace" not in said


def test_a_run_is_resumed_by_its_name(machine: StepFunctions, classify: Classify) -> None:
    machine.fail("ABORTED")
    classify(PREFIX)
    (name,) = machine.names()
    machine.counts, machine.end = ALL_ACCEPTED, {"status": "SUCCEEDED"}

    code, said = classify("--resume", name)

    _, second = machine.executions.values()
    assert json.loads(second["input"]) == {"prefix": PREFIX, "results": f"{RESULTS}/{name}"}
    assert code == 0 and f"Run {name}" in said


def test_the_summary_of_an_earlier_execution_is_not_that_of_this_one(
    machine: StepFunctions, classify: Classify
) -> None:
    assert classify(PREFIX)[0] == 0
    machine.fail()

    assert classify("--resume", *machine.names())[0] == EXIT_FAILED


def test_an_execution_that_succeeded_has_results_though_a_later_one_has_written_them_anew(
    machine: StepFunctions, classify: Classify, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = machine.finish

    def finish_and_be_resumed(arn: str) -> None:
        finish(arn)
        run = arn.rpartition(":")[2]
        machine.executions[f"{arn}-again-1"] = {"input": json.dumps({"results": run})}
        finish(f"{arn}-again-1")

    monkeypatch.setattr(machine, "finish", finish_and_be_resumed)

    assert classify(PREFIX)[0] == 0


@pytest.mark.parametrize("running", ["now", "now-again-1", "now-again-2"])
@pytest.mark.parametrize("named", ["now", "now-again-2"])
def test_a_run_that_is_running_is_joined_whichever_of_its_executions_is_named(
    machine: StepFunctions, classify: Classify, running: str, named: str
) -> None:
    given = {"prefix": PREFIX}
    machine.start_execution(name="now", input=json.dumps(given))
    for name in ("now-again-1", "now-again-2"):
        machine.start_execution(name=name, input=json.dumps({**given, "results": f"{RESULTS}/now"}))
    for arn in machine.executions.keys() - {arn_of(running)}:
        machine.executions[arn]["status"] = "FAILED"

    code, said = classify("--resume", named)

    assert (code, len(machine.executions)) == (0, 3)
    assert "Run now, results" in said
    assert f"following {arn_of(running)}\n" in said


def test_of_two_commands_that_resume_a_run_at_once_one_joins_the_other(
    machine: StepFunctions, classify: Classify, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.fail("ABORTED")
    classify(PREFIX)
    (name,) = machine.names()
    machine.counts, machine.end = ALL_ACCEPTED, {"status": "SUCCEEDED"}
    monkeypatch.setattr(machine, "start_execution", twice(machine.start_execution))

    code, said = classify("--resume", name)

    assert (code, machine.names()) == (0, [name, f"{name}-again-1"])
    assert f"following {arn_of(name)}-again-1" in said


def twice(start_execution: Callable[..., Any]) -> Callable[..., Any]:
    """Start an execution after another command has."""
    return lambda **given: (start_execution(**given), start_execution(**given))


def test_a_resumed_run_that_failed_again_is_resumed_again(
    machine: StepFunctions, classify: Classify
) -> None:
    machine.fail()
    classify(PREFIX)
    (name,) = machine.names()

    classify("--resume", name)
    classify("--resume", f"{name}-again-1")

    assert machine.names() == [name, f"{name}-again-1", f"{name}-again-2"]
    *_, last = machine.executions.values()
    assert json.loads(last["input"])["results"] == f"{RESULTS}/{name}"


def test_executions_of_runs_with_long_names_that_begin_alike_have_names_of_their_own(
    machine: StepFunctions, classify: Classify
) -> None:
    machine.counts = None
    for run in ("x" * 79 + end for end in "ab"):
        machine.start_execution(name=run, input=json.dumps({"prefix": PREFIX}))
        machine.finish(arn_of(run))

        classify("--resume", run)

    assert len(set(machine.names())) == 4
    assert max(map(len, machine.names())) <= 80
    assert sum(name.endswith("-again-1") for name in machine.names()) == 2  # the first of each run


@pytest.mark.parametrize("given", ["[]", '{"prefix": 1}'])
def test_a_run_that_named_no_pictures_is_not_resumed(
    machine: StepFunctions, classify: Classify, given: str
) -> None:
    machine.start_execution(name="odd", input=given)

    code, said = classify("--resume", "odd")

    assert (code, machine.names()) == (EXIT_FAILED, ["odd"])
    assert f"was started with {given}, which names no pictures" in said


def test_a_name_that_another_command_has_just_taken_is_said(
    machine: StepFunctions, classify: Classify, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "start_execution", twice(machine.start_execution))

    code, said = classify(PREFIX)

    assert code == EXIT_FAILED
    assert "at the same moment: start this one again" in said


def test_interrupted_it_says_how_to_stop_and_how_to_finish(
    machine: StepFunctions, classify: Classify, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "list_map_runs", Mock(side_effect=KeyboardInterrupt))

    code, said = classify(PREFIX)

    assert code == 130
    (name,) = machine.names()
    assert f"stop-execution --execution-arn {arn_of(name)}" in said
    assert f"scones classify --resume {name}" in said


def test_without_an_endpoint_there_is_another_path(machine: StepFunctions) -> None:
    settings = validate({"endpoint": {"enabled": False}}, environment="test", source="test.toml")

    with pytest.raises(AwsError, match="use batch transform, which needs none"):
        bulk.start(settings, {"prefix": PREFIX})

    assert machine.executions == {}


def test_what_aws_refuses_is_said(
    machine: StepFunctions, classify: Classify, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal: Any = {"Error": {"Code": "AccessDeniedException", "Message": "may not"}}
    refuse = Mock(side_effect=ClientError(refusal, "StartExecution"))
    monkeypatch.setattr(machine, "start_execution", refuse)

    code, said = classify(PREFIX)

    assert code == EXIT_FAILED
    assert "AWS: " in said


@pytest.mark.parametrize("arguments", [[], [PREFIX, "--resume", "x"]])
def test_pictures_are_named_once(classify: Classify, arguments: list[str]) -> None:
    assert classify(*arguments)[0] == 2


def test_it_looks_every_few_seconds(classify: Classify, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("operations.aws.time", SimpleNamespace(sleep=waits.append))
    monkeypatch.setattr(bulk, "POLL_SECONDS", POLL_SECONDS)

    assert classify(PREFIX)[0] == 0

    (seconds,) = waits
    assert 3 <= seconds <= 5
