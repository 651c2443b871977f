"""The command against the API of AWS, by stubs: no execution runs."""

import json
from collections.abc import Iterator
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
from scones.__main__ import main as scones
from scones.classify import EXIT_NOT_ALL_ACCEPTED
from scones.errors import EXIT_FAILED
from settings import Settings
from settings.loader import validate

MACHINE = "arn:aws:states:us-east-1:111122223333:stateMachine:Bulk"
RESULTS = "s3://artifacts/bulk"
OUTPUTS = {"BulkStateMachineArn": MACHINE, "BulkResultsUri": RESULTS}
POLL_SECONDS = bulk.POLL_SECONDS
BEGIN = datetime(2026, 1, 2, tzinfo=UTC)


class StepFunctions:
    """Executions by their ARN, and how they end."""

    class exceptions:  # noqa: N801  # as a client of boto3 has it
        class ExecutionDoesNotExist(Exception): ...

        class InvalidArn(Exception): ...

        class ExecutionAlreadyExists(Exception): ...

    def __init__(self) -> None:
        self.executions: dict[str, dict[str, Any]] = {}
        self.end: dict[str, Any] = {"status": "SUCCEEDED"}
        self.counts: dict[str, int] | None = {
            "images": 4,
            "accepted": 4,
            "rejected": 0,
            "failed": 0,
        }

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


def main(arguments: list[str]) -> int:
    return scones(["classify", *arguments])


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


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        (["s3://pictures/a/"], {"prefix": "s3://pictures/a/"}),
        (["s3://pictures"], {"prefix": "s3://pictures/"}),
        (["s3://pictures/a b#1?"], {"prefix": "s3://pictures/a b#1?"}),
        (["--manifest", "s3://pictures/l.csv"], {"manifest": "s3://pictures/l.csv"}),
    ],
)
def test_a_run_over_pictures_that_are_all_accepted(
    machine: StepFunctions,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    given: dict[str, str],
) -> None:
    assert main(arguments) == 0

    ((arn, execution),) = machine.executions.items()
    assert json.loads(execution["input"]) == given
    said = capsys.readouterr().out
    name = arn.rpartition(":")[2]
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
    ],
)
def test_what_is_no_s3_uri_is_refused_before_aws_is_asked(
    machine: StepFunctions, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert main(arguments) == EXIT_FAILED

    assert words in capsys.readouterr().err
    assert not machine.executions


@pytest.mark.parametrize("end", [{"status": "SUCCEEDED"}, {"status": "FAILED", "error": "X"}])
def test_pictures_that_are_not_accepted_have_an_exit_code(
    machine: StepFunctions, end: dict[str, str]
) -> None:
    """Also where the execution then fails, as `on_rejection = "fail"` asks for."""
    machine.end = end
    machine.counts = {"images": 4, "accepted": 3, "rejected": 0, "failed": 1}

    assert main(["s3://pictures/a/"]) == EXIT_NOT_ALL_ACCEPTED


def test_a_run_that_ended_early_says_why_and_how_to_finish_it(
    machine: StepFunctions, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.counts = None
    machine.end = {"status": "FAILED", "error": "InvalidInput", "cause": "not in the data bucket"}

    assert main(["s3://elsewhere/a/"]) == EXIT_FAILED

    said = capsys.readouterr().err
    assert "is FAILED: InvalidInput: not in the data bucket" in said
    (arn,) = machine.executions
    assert f"scones classify --resume {arn.rpartition(':')[2]}" in said


def test_the_cause_of_a_failed_function_is_its_message(
    machine: StepFunctions, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.counts = None
    cause = {"errorMessage": "no picture there", "errorType": "Nothing", "stackTrace": ["a line"]}
    machine.end = {"status": "FAILED", "error": "Nothing", "cause": json.dumps(cause)}

    assert main(["s3://pictures/a/"]) == EXIT_FAILED

    said = capsys.readouterr().err
    assert "is FAILED: Nothing: no picture there\n" in said
    assert "stackTrace" not in said


def test_the_command_that_finishes_a_run_names_its_environment(
    machine: StepFunctions, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.counts, machine.end = None, {"status": "ABORTED"}

    main(["s3://pictures/a/", "--environment", "prod"])

    (arn,) = machine.executions
    resume = f"scones classify --resume {arn.rpartition(':')[2]} --environment prod"
    assert resume in capsys.readouterr().err


def test_a_run_is_resumed_by_its_name(
    machine: StepFunctions, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.counts, machine.end = None, {"status": "ABORTED"}
    main(["s3://pictures/a/"])
    (first,) = machine.executions
    name = first.rpartition(":")[2]
    machine.counts = {"images": 4, "accepted": 4, "rejected": 0, "failed": 0}
    machine.end = {"status": "SUCCEEDED"}

    assert main(["--resume", name]) == 0

    _, second = machine.executions.values()
    assert json.loads(second["input"]) == {
        "prefix": "s3://pictures/a/",
        "results": f"{RESULTS}/{name}",
    }
    assert f"Run {name}" in capsys.readouterr().out


def test_the_summary_of_an_earlier_execution_is_not_that_of_this_one(
    machine: StepFunctions,
) -> None:
    assert main(["s3://pictures/a/"]) == 0
    (first,) = machine.executions
    machine.counts, machine.end = None, {"status": "FAILED"}

    assert main(["--resume", first.rpartition(":")[2]]) == EXIT_FAILED


def test_an_execution_that_succeeded_has_results_though_a_later_one_has_written_them_anew(
    machine: StepFunctions, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = machine.finish

    def finish_and_be_resumed(arn: str) -> None:
        finish(arn)
        run = arn.rpartition(":")[2]
        machine.executions[f"{arn}-again-1"] = {"input": json.dumps({"results": run})}
        finish(f"{arn}-again-1")

    monkeypatch.setattr(machine, "finish", finish_and_be_resumed)

    assert main(["s3://pictures/a/"]) == 0


def test_an_unknown_run_is_refused(
    machine: StepFunctions, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--resume", "never"]) == EXIT_FAILED

    assert "there is no run 'never'; a run has the name" in capsys.readouterr().err


@pytest.mark.parametrize("running", ["now", "now-again-1", "now-again-2"])
@pytest.mark.parametrize("named", ["now", "now-again-2"])
def test_a_run_that_is_running_is_joined_whichever_of_its_executions_is_named(
    machine: StepFunctions, capsys: pytest.CaptureFixture[str], running: str, named: str
) -> None:
    given = {"prefix": "s3://pictures/a/"}
    machine.start_execution(name="now", input=json.dumps(given))
    for name in ("now-again-1", "now-again-2"):
        machine.start_execution(name=name, input=json.dumps({**given, "results": f"{RESULTS}/now"}))
    for arn in machine.executions.keys() - {arn_of(running)}:
        machine.executions[arn]["status"] = "FAILED"

    assert main(["--resume", named]) == 0

    assert len(machine.executions) == 3
    said = capsys.readouterr().out
    assert "Run now, results" in said
    assert f"following {arn_of(running)}\n" in said


def test_of_two_commands_that_resume_a_run_at_once_one_joins_the_other(
    machine: StepFunctions, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.counts, machine.end = None, {"status": "ABORTED"}
    main(["s3://pictures/a/"])
    name = next(iter(machine.executions)).rpartition(":")[2]
    machine.counts = {"images": 4, "accepted": 4, "rejected": 0, "failed": 0}
    machine.end = {"status": "SUCCEEDED"}
    start_execution = machine.start_execution

    def start_after_another_did(**given: Any) -> dict[str, str]:
        start_execution(**given)
        return start_execution(**given)

    monkeypatch.setattr(machine, "start_execution", start_after_another_did)
    capsys.readouterr()

    assert main(["--resume", name]) == 0

    assert list(machine.executions) == [arn_of(name), arn_of(f"{name}-again-1")]
    assert f"following {arn_of(name)}-again-1" in capsys.readouterr().out


def test_a_resumed_run_that_failed_again_is_resumed_again(machine: StepFunctions) -> None:
    machine.counts, machine.end = None, {"status": "FAILED"}
    main(["s3://pictures/a/"])
    name = next(iter(machine.executions)).rpartition(":")[2]

    main(["--resume", name])
    main(["--resume", f"{name}-again-1"])

    assert list(machine.executions) == [
        arn_of(each) for each in (name, f"{name}-again-1", f"{name}-again-2")
    ]
    *_, last = machine.executions.values()
    assert json.loads(last["input"])["results"] == f"{RESULTS}/{name}"


def test_executions_of_runs_with_long_names_that_begin_alike_have_names_of_their_own(
    machine: StepFunctions,
) -> None:
    machine.counts = None
    runs = ["x" * 79 + end for end in "ab"]
    for run in runs:
        machine.start_execution(name=run, input='{"prefix": "s3://pictures/a/"}')
        machine.finish(arn_of(run))

        main(["--resume", run])

    again = [arn.rpartition(":")[2] for arn in machine.executions]
    assert len(again) == 4
    assert max(map(len, again)) <= 80
    assert sum(name.endswith("-again-1") for name in again) == 2  # the first of each run


@pytest.mark.parametrize("given", ["[]", '{"prefix": 1}'])
def test_a_run_that_named_no_pictures_is_not_resumed(
    machine: StepFunctions, capsys: pytest.CaptureFixture[str], given: str
) -> None:
    machine.start_execution(name="odd", input=given)

    assert main(["--resume", "odd"]) == EXIT_FAILED

    assert f"was started with {given}, which names no pictures" in capsys.readouterr().err
    assert len(machine.executions) == 1


def test_an_empty_name_is_no_run(
    machine: StepFunctions, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--resume", ""]) == EXIT_FAILED

    assert "there is no run ''" in capsys.readouterr().err
    assert machine.executions == {}


def test_a_name_that_another_command_has_just_taken_is_said(
    machine: StepFunctions, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    start_execution = machine.start_execution
    monkeypatch.setattr(
        machine,
        "start_execution",
        lambda **given: (start_execution(**given), start_execution(**given)),
    )

    assert main(["s3://pictures/a/"]) == EXIT_FAILED

    assert "at the same moment: start this one again" in capsys.readouterr().err


def test_interrupted_it_says_how_to_stop_and_how_to_finish(
    machine: StepFunctions, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "list_map_runs", Mock(side_effect=KeyboardInterrupt))

    assert main(["s3://pictures/a/"]) == 130

    (arn,) = machine.executions
    said = capsys.readouterr().out
    assert f"stop-execution --execution-arn {arn}" in said
    assert f"scones classify --resume {arn.rpartition(':')[2]}" in said


def test_without_an_endpoint_there_is_another_path(machine: StepFunctions) -> None:
    settings: Settings = validate(
        {"endpoint": {"enabled": False}}, environment="test", source="test.toml"
    )

    with pytest.raises(AwsError, match="use batch transform, which needs none"):
        bulk.start(settings, {"prefix": "s3://pictures/a/"})

    assert machine.executions == {}


def test_what_aws_refuses_is_said(
    machine: StepFunctions, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(**_: Any) -> None:
        error = {"Error": {"Code": "AccessDeniedException", "Message": "may not"}}
        raise ClientError(error, "StartExecution")  # type: ignore[arg-type]  # as much as is read

    monkeypatch.setattr(machine, "start_execution", refuse)

    assert main(["s3://pictures/a/"]) == EXIT_FAILED
    assert "AWS: " in capsys.readouterr().err


def test_pictures_are_named_once() -> None:
    for arguments in ([], ["s3://pictures/a/", "--resume", "x"]):
        assert main(arguments) == 2


def test_it_looks_every_few_seconds(
    machine: StepFunctions, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("operations.aws.time", SimpleNamespace(sleep=waits.append))
    monkeypatch.setattr(bulk, "POLL_SECONDS", POLL_SECONDS)

    assert main(["s3://pictures/a/"]) == 0

    (seconds,) = waits
    assert 3 <= seconds <= 5
