"""One run of the bulk state machine: start or resume it, follow it, read its summary."""

import hashlib
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

from operations.aws import (
    AwsError,
    ExecutionFailedError,
    ended_execution,
    errors_in_words,
    failure_of,
    session,
    stack_output,
)
from settings import Settings
from settings.s3_uris import S3Uri, S3UriError

# Each look makes three calls of an API that an account may call a few times a second.
POLL_SECONDS = 4.0

# https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
MAX_NAME = 80


@dataclass(frozen=True)
class Run:
    """One execution. If it finishes an earlier run, its results are in the same folder."""

    name: str
    """Name of the run: that of its first execution, and of the folder of its results."""
    execution_arn: str
    results: str
    """S3 URI of the folder."""
    environment: str
    joined: bool = False
    """True if another command started the execution."""

    @property
    def resume_command(self) -> str:
        """Return the command that finishes the run."""
        return f"scones classify --resume {self.name} --environment {self.environment}"

    @property
    def stop_command(self) -> str:
        """Return the command that stops the execution."""
        return f"aws stepfunctions stop-execution --execution-arn {self.execution_arn}"


@dataclass(frozen=True)
class Summary:
    """The `summary.json` of a run that has ended with results."""

    counts: Mapping[str, int]
    """By images, accepted, rejected, failed."""
    location: str
    """S3 URI of the results, one line per picture."""
    seconds: float


def start(settings: Settings, source: Mapping[str, str]) -> Run:
    """Start a run over `{"prefix": uri}` or `{"manifest": uri}`; raise AwsError for others."""
    source = {name: _checked(name, uri) for name, uri in source.items()}
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    with errors_in_words():
        state_machine = _state_machine(settings)
        arn = _execute(state_machine, name, source)
        if arn is None:
            raise AwsError(
                f"another command started a run {name} at the same moment: start this one again"
            )
        return Run(name, arn, f"{_results(settings)}/{name}", settings.environment)


def resume(settings: Settings, name: str) -> Run:
    """Finish the run `name`: follow its running execution, or else start another.

    The executions of a run are numbered, and Step Functions accepts each name once: of two
    commands at the same time, on any machines, one starts the next execution and the other joins.
    """
    with errors_in_words():
        state_machine, results = _state_machine(settings), _results(settings)
        named = _described(state_machine, name)
        if named is None:
            raise AwsError(
                f"there is no run {name!r}; a run has the name of its first execution, and Step "
                f"Functions remembers it for 90 days. List the runs: aws s3 ls {results}/"
            )
        source = _source(named)
        run = source.get("results", name).rstrip("/").rpartition("/")[2]
        results = f"{results}/{run}"
        later = list(_later_executions(state_machine, run))
        for execution in (named, _described(state_machine, run), *later):
            if execution is not None and execution["status"] == "RUNNING":
                arn = execution["executionArn"]
                return Run(run, arn, results, settings.environment, joined=True)
        again = _name_of_execution(run, len(later) + 1)
        started = _execute(state_machine, again, {**source, "results": results})
        arn = started or _execution_arn(state_machine, again)
        return Run(run, arn, results, settings.environment, joined=started is None)


def follow(run: Run, on_progress: Callable[[int, int], object]) -> Summary:
    """Report progress until the execution ends; raise ExecutionFailedError if without results."""

    def report() -> None:
        client = session().client("stepfunctions")
        for map_run in client.list_map_runs(executionArn=run.execution_arn)["mapRuns"]:
            items = client.describe_map_run(mapRunArn=map_run["mapRunArn"])["itemCounts"]
            on_progress(items["succeeded"] + items["failed"], items["total"])

    with errors_in_words():
        execution = ended_execution(run.execution_arn, poll_seconds=POLL_SECONDS, on_poll=report)
        summary = _summary(run)
    # Every execution that succeeds writes a summary, which a later execution may have replaced.
    succeeded = execution["status"] == "SUCCEEDED"
    if summary is None or not (succeeded or summary["execution"] == run.execution_arn):
        raise ExecutionFailedError(
            f"{failure_of(execution)}\nWhat is finished is kept; finish the rest: "
            f"{run.resume_command}"
        )
    seconds = (execution["stopDate"] - execution["startDate"]).total_seconds()
    return Summary(summary["counts"], summary["location"], seconds)


def _checked(name: str, uri: str) -> str:
    """Return the URI with a slash after the bucket."""
    try:
        return str((S3Uri.parse_object if name == "manifest" else S3Uri.parse)(uri))
    except S3UriError as error:
        raise AwsError(f"{name}: {error}") from error


def _state_machine(settings: Settings) -> str:
    if not settings.endpoint.enabled:
        raise AwsError(
            f"endpoint.enabled = false in settings/{settings.environment}.toml: there is no "
            "endpoint to ask. Deploy it, or use batch transform, which needs none (docs/bulk.md)"
        )
    return stack_output(settings, "Batch", "BulkStateMachineArn")


def _results(settings: Settings) -> str:
    return stack_output(settings, "Batch", "BulkResultsUri")


def _execute(state_machine: str, name: str, source: Mapping[str, str]) -> str | None:
    """Start the execution and return its ARN; None if its name is taken."""
    client = session().client("stepfunctions")
    try:
        started = client.start_execution(
            stateMachineArn=state_machine, name=name, input=json.dumps(source)
        )
    except client.exceptions.ExecutionAlreadyExists:
        return None
    return started["executionArn"]


def _described(state_machine: str, name: str) -> dict[str, Any] | None:
    """Return the execution of that name; None if it does not exist."""
    client = session().client("stepfunctions")
    try:
        return dict(client.describe_execution(executionArn=_execution_arn(state_machine, name)))
    except (client.exceptions.ExecutionDoesNotExist, client.exceptions.InvalidArn):
        return None


def _later_executions(state_machine: str, run: str) -> Iterator[dict[str, Any]]:
    """Yield the executions of a run after the first."""
    for number in count(1):
        execution = _described(state_machine, _name_of_execution(run, number))
        if execution is None:
            return
        yield execution


def _execution_arn(state_machine: str, name: str) -> str:
    return f"{state_machine.replace(':stateMachine:', ':execution:')}:{name}"


def _name_of_execution(run: str, number: int) -> str:
    """Return the name of an execution after the first, unique to its run."""
    end = f"-again-{number}"
    if len(run) > MAX_NAME - len(end):
        end = f"-{hashlib.sha256(run.encode()).hexdigest()[:16]}{end}"
    return f"{run[: MAX_NAME - len(end)]}{end}"


def _source(execution: Mapping[str, Any]) -> dict[str, str]:
    """Return the input of an execution; raise AwsError if it names no pictures."""
    source = json.loads(execution["input"])
    if not isinstance(source, dict) or not all(isinstance(each, str) for each in source.values()):
        raise AwsError(
            f"{execution['executionArn']} was started with {execution['input']:.200}, which names "
            "no pictures: there is nothing to finish"
        )
    return source


def _summary(run: Run) -> dict[str, Any] | None:
    """Return the newest summary of the run; None if it does not exist."""
    s3, results = session().client("s3"), S3Uri.parse(run.results)
    try:
        answer = s3.get_object(Bucket=results.bucket, Key=f"{results.key}/summary.json")
    except s3.exceptions.NoSuchKey:
        return None
    summary: dict[str, Any] = json.loads(answer["Body"].read())
    return summary
