"""One run of the bulk state machine: started or resumed, followed, and its summary read."""

import hashlib
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

from operations.aws import AwsError, errors_in_words, session, stack_output
from settings import Settings
from settings.s3_uris import S3Uri, S3UriError

# Each look makes three calls of an API that an account may call a few times a second.
POLL_SECONDS = 4.0

# https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
MAX_NAME = 80

Progress = Callable[[int, int], None]
"""Told how many pictures are done, and how many there are."""


class ClassificationError(RuntimeError):
    """The run cannot be started, or did not come to its end; the message has the remedy."""


@dataclass(frozen=True)
class Run:
    """One execution. The run that it finishes, if any, has its results in the same folder."""

    name: str
    """Name of the run: that of its first execution, and of the folder of its results."""
    execution_arn: str
    results: str
    """S3 URI of the folder."""
    environment: str
    joined: bool = False
    """Whether the execution was started by another command."""

    @property
    def resume_command(self) -> str:
        """Return the command that finishes the run."""
        return f"scones classify --resume {self.name} --environment {self.environment}"


@dataclass(frozen=True)
class Summary:
    """What `summary.json` says of a run that came to its end."""

    counts: Mapping[str, int]
    """By images, accepted, rejected, failed."""
    location: str
    """S3 URI of the results, one line a picture."""
    seconds: float


def start(settings: Settings, source: Mapping[str, str]) -> Run:
    """Starts a run over `{"prefix": uri}` or `{"manifest": uri}`.

    Raises:
        ClassificationError: the URI is none, there is no endpoint, nothing is deployed, or AWS
            refuses.
    """
    source = {name: _checked(name, uri) for name, uri in source.items()}
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    with _refusals_in_words():
        state_machine = _state_machine(settings)
        client = session().client("stepfunctions")
        try:
            arn = _execute(state_machine, name, source)
        except client.exceptions.ExecutionAlreadyExists as error:
            raise ClassificationError(
                f"another command started a run {name} at the same moment: start this one again"
            ) from error
        return Run(name, arn, _results(settings, name), settings.environment)


def resume(settings: Settings, name: str) -> Run:
    """Bring the run `name` to its end: follow its running execution, or else start another.

    The names of a run's executions are counted, and Step Functions accepts a name once: of two
    commands at once, on whatever machines, one starts the next execution and the other joins it.

    Raises:
        ClassificationError: as `start`, or there is no such run.
    """
    with _refusals_in_words():
        state_machine = _state_machine(settings)
        named = _described(state_machine, name)
        if named is None:
            raise ClassificationError(
                f"there is no run {name!r}; a run has the name of its first execution, and Step "
                f"Functions remembers it for 90 days. {_listing(settings)}"
            )
        source = _source(named)
        run = source.get("results", name).rstrip("/").rpartition("/")[2]
        results = _results(settings, run)
        later = list(_later_executions(state_machine, run))
        for execution in (named, _described(state_machine, run), *later):
            if execution is not None and execution["status"] == "RUNNING":
                arn = execution["executionArn"]
                return Run(run, arn, results, settings.environment, joined=True)
        again = _name_of_execution(run, len(later) + 1)
        client = session().client("stepfunctions")
        try:
            arn = _execute(state_machine, again, {**source, "results": results})
        except client.exceptions.ExecutionAlreadyExists:
            arn = _execution_arn(state_machine, again)
            return Run(run, arn, results, settings.environment, joined=True)
        return Run(run, arn, results, settings.environment)


def follow(run: Run, on_progress: Progress) -> Summary:
    """Waits for the end of the execution.

    Raises:
        ClassificationError: it ended without results, with its error and cause.
    """
    with _refusals_in_words():
        client = session().client("stepfunctions")
        while True:
            state = client.describe_execution(executionArn=run.execution_arn)
            _tell(client, run, on_progress)
            if state["status"] != "RUNNING":
                break
            time.sleep(POLL_SECONDS)
        summary = _summary(run)
    # Every execution that succeeds has written one, which a later execution may have replaced.
    ended_well = state["status"] == "SUCCEEDED"
    if summary is None or not (ended_well or summary["execution"] == run.execution_arn):
        raise ClassificationError(
            f"{run.execution_arn} is {state['status']}: {state.get('error', 'no error name')}: "
            f"{_readable(state.get('cause', 'no cause'))}\nWhat is finished stays so: "
            f"{run.resume_command}"
        )
    seconds = (state["stopDate"] - state["startDate"]).total_seconds()
    return Summary(summary["counts"], summary["location"], seconds)


def stop_command(execution_arn: str) -> str:
    """The command that stops an execution."""
    return f"aws stepfunctions stop-execution --execution-arn {execution_arn}"


def _checked(name: str, uri: str) -> str:
    """Return the URI with a slash after the bucket."""
    try:
        return str((S3Uri.parse_object if name == "manifest" else S3Uri.parse)(uri))
    except S3UriError as error:
        raise ClassificationError(f"{name}: {error}") from error


def _state_machine(settings: Settings) -> str:
    if not settings.endpoint.enabled:
        raise ClassificationError(
            f"endpoint.enabled = false in settings/{settings.environment}.toml: there is no "
            "endpoint to ask. Deploy it, or use batch transform, which needs none (docs/bulk.md)"
        )
    return stack_output(settings, "Batch", "BulkStateMachineArn")


def _results(settings: Settings, name: str) -> str:
    return f"{stack_output(settings, 'Batch', 'BulkResultsUri')}/{name}"


def _listing(settings: Settings) -> str:
    return f"aws s3 ls {stack_output(settings, 'Batch', 'BulkResultsUri')}/ lists them"


def _execute(state_machine: str, name: str, source: Mapping[str, str]) -> str:
    """Start the execution and return its ARN."""
    arn: str = (
        session()
        .client("stepfunctions")
        .start_execution(stateMachineArn=state_machine, name=name, input=json.dumps(source))[
            "executionArn"
        ]
    )
    return arn


def _described(state_machine: str, name: str) -> dict[str, Any] | None:
    """Return the execution of that name, None if there is none."""
    client = session().client("stepfunctions")
    try:
        return dict(client.describe_execution(executionArn=_execution_arn(state_machine, name)))
    except (client.exceptions.ExecutionDoesNotExist, client.exceptions.InvalidArn):
        return None


def _later_executions(state_machine: str, run: str) -> Iterator[dict[str, Any]]:
    """Yield the executions after the first that the run has had so far."""
    for number in count(1):
        execution = _described(state_machine, _name_of_execution(run, number))
        if execution is None:
            return
        yield execution


def _execution_arn(state_machine: str, name: str) -> str:
    return f"{state_machine.replace(':stateMachine:', ':execution:')}:{name}"


def _name_of_execution(run: str, number: int) -> str:
    """Return the name of an execution after the first; no other run has it."""
    end = f"-again-{number}"
    room = MAX_NAME - len(end)
    if len(run) > room:
        end = f"-{hashlib.sha256(run.encode()).hexdigest()[:16]}{end}"
    return f"{run[: MAX_NAME - len(end)]}{end}"


def _source(execution: Mapping[str, Any]) -> dict[str, str]:
    """Return the input of an execution.

    Raises:
        ClassificationError: the state machine has refused it.
    """
    source = json.loads(execution["input"])
    if not isinstance(source, dict) or not all(isinstance(each, str) for each in source.values()):
        raise ClassificationError(
            f"{execution['executionArn']} was started with {execution['input']:.200}, which names "
            "no pictures: there is nothing to finish"
        )
    return source


def _readable(cause: str) -> str:
    """Return the message of a failed function, whose Cause is JSON; any other Cause as it is."""
    try:
        message = json.loads(cause)["errorMessage"]
    except (ValueError, KeyError, TypeError):
        return cause
    return message if isinstance(message, str) and message else cause


def _tell(client: Any, run: Run, on_progress: Progress) -> None:
    for map_run in client.list_map_runs(executionArn=run.execution_arn)["mapRuns"]:
        counts = client.describe_map_run(mapRunArn=map_run["mapRunArn"])["itemCounts"]
        on_progress(counts["succeeded"] + counts["failed"], counts["total"])


def _summary(run: Run) -> dict[str, Any] | None:
    """Return the newest summary of the run, None if there is none."""
    s3 = session().client("s3")
    results = S3Uri.parse(run.results)
    try:
        answer = s3.get_object(Bucket=results.bucket, Key=f"{results.key}/summary.json")
    except s3.exceptions.NoSuchKey:
        return None
    summary: dict[str, Any] = json.loads(answer["Body"].read())
    return summary


@contextmanager
def _refusals_in_words() -> Iterator[None]:
    try:
        with errors_in_words():
            yield
    except AwsError as error:
        raise ClassificationError(str(error)) from error
