"""The scheduled run: read new captures and publish how far they are from the baseline.

state.py says how each record is counted exactly once, drift.py what is compared.
"""

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, cast

import boto3
from botocore.config import Config

from lambda_src.shared.environment import EnvironmentVariables

from .baseline import StoredBaseline
from .captures import Batch
from .drift import WINDOW, compare, window_of
from .metrics import Metrics, drift_of
from .state import CaptureFile, OvertakenError, Pending, State, StateStore


@dataclass(frozen=True)
class Environment(EnvironmentVariables):
    """The variables that the stack sets."""

    capture_bucket: str
    capture_prefix: str  # of the endpoint's variant, ends in a slash
    state_bucket: str  # of the state and of the baseline
    state_key: str
    baseline_key: str
    model_name: str  # of the baseline
    model_name_parameter: str  # SSM parameter with the name of the deployed model
    confidence_threshold: float
    metric_namespace: str
    endpoint_name: str


MAX_RECORDS = 20_000
"""Maximum records per batch, rounded up to a whole file; far below the function's memory."""
MARGIN_MILLISECONDS = 60_000
"""Time that must be left to begin another file: enough to publish the metrics as well."""
LAST_MILLISECONDS = 30_000
"""Time that must be left to go on with a file. The rest of the file is then left out: if the next
run began it again, a file that takes longer than one run would be read forever."""
SETTLING = timedelta(seconds=45)
"""Age at which another run takes a pending batch over. The run that began it either sent it within
half of this time or never will; the other half is for CloudWatch to show it. That is far more than
the usual delay of some seconds; AWS promises no time."""

logger = logging.getLogger()
logger.setLevel(logging.INFO)

environment = Environment.read()
s3 = boto3.client("s3")
ssm = boto3.client("ssm")
metrics = Metrics(
    boto3.client(
        "cloudwatch",
        config=Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 1}),
    ),
    namespace=environment.metric_namespace,
    endpoint_name=environment.endpoint_name,
)
store = StateStore(s3, bucket=environment.state_bucket, key=environment.state_key)


def lambda_handler(_event: object, context: Any) -> dict[str, Any]:
    """Finish what an earlier run left, then read, compare and publish, batch by batch.

    Returns the records and files that it counted, and the files that are left to the next run.
    """

    def has_time(margin: int = MARGIN_MILLISECONDS) -> bool:
        return bool(context.get_remaining_time_in_millis() > margin)

    baseline = StoredBaseline.load(
        s3, bucket=environment.state_bucket, key=environment.baseline_key
    )
    try:
        return _run(baseline, _settled(store.load()), has_time)
    except OvertakenError as error:
        # Nothing is lost: the other run goes on, or the next one does.
        logger.warning("ended: %s", error)
        return {"overtaken": str(error)}


def _run(baseline: StoredBaseline, state: State, has_time: Callable[..., bool]) -> dict[str, Any]:
    new = state.cursor.new_files(
        s3, bucket=environment.capture_bucket, prefix=environment.capture_prefix, now=_now()
    )
    model_is_served = _model_is_served()  # after the listing: when its files were answered
    may_read = partial(has_time, LAST_MILLISECONDS)
    files, records = deque(new), 0
    while True:
        # The first batch may be empty: the metrics say so if nothing was captured.
        batch = Batch(baseline, model_is_served, may_measure=has_time, may_read=may_read)
        done = _read(batch, files, has_time)
        state = _send(state, batch, done)
        records += batch.records
        if not files or not has_time():
            break
    result = {"records": records, "files": len(new) - len(files), "files_left": len(files)}
    logger.info("%s", result)
    return result


def _model_is_served() -> bool:
    """Return False from before a deployment updates the endpoint until its model has a baseline."""
    name = ssm.get_parameter(Name=environment.model_name_parameter)["Parameter"].get("Value")
    if name != environment.model_name:
        logger.warning(
            "nothing is compared: the model is or soon will be %s, but the baseline is that of %s; "
            "deploy the monitoring stack to make the new one",
            name,
            environment.model_name,
        )
    return bool(name == environment.model_name)


def _read(
    batch: Batch, files: deque[CaptureFile], has_time: Callable[[], bool]
) -> list[CaptureFile]:
    done = []
    while files and batch.records < MAX_RECORDS and has_time():
        file = files.popleft()
        try:
            body = s3.get_object(Bucket=environment.capture_bucket, Key=file.key)["Body"]
        except s3.exceptions.NoSuchKey:
            batch.refuse(f"{file.key}: deleted since it was listed")
        except s3.exceptions.InvalidObjectState:
            batch.refuse(f"{file.key}: it is archived")
        else:
            batch.add_file(file.key, cast(Any, body))
        done.append(file)
    return done


def _send(state: State, batch: Batch, done: list[CaptureFile]) -> State:
    observations, comparisons = batch.observations, []
    # The window of an earlier model's baseline has that model's answers.
    earlier = state.cursor.window if state.cursor.baseline == environment.baseline_key else ()
    window = window_of([*earlier, *observations], latest_run=len(observations))
    if observations:
        threshold = environment.confidence_threshold
        comparisons = compare(batch.baseline.baseline, window, threshold=threshold)
    for each in comparisons:
        logger.log(logging.WARNING if each.ratio > 1 else logging.INFO, "%s", each)
    begun = _now()
    pending = Pending(
        begun=begun,
        minutes=(state.free_minute(begun),),
        metrics={**batch.counts, **drift_of(comparisons)},
        then=replace(
            state.cursor.after(done),
            baseline=environment.baseline_key,
            window=tuple(window[-WINDOW:]),
        ),
    )
    state = store.save(replace(state, pending=pending))
    _publish(pending)
    return store.save(state.committed(pending))


def _settled(state: State) -> State:
    """Return the state without a pending batch: it is sent if CloudWatch does not have it."""
    while pending := state.pending:
        wait = pending.begun + SETTLING - _now()
        if wait > timedelta():
            time.sleep(wait.total_seconds())
            state = store.load()
            continue
        logger.warning("an earlier run left a batch of %s", pending.begun)
        begun = _now()
        minutes = (*pending.minutes, state.free_minute(begun))
        renewed = replace(pending, begun=begun, minutes=minutes)
        state = store.save(replace(state, pending=renewed))
        if not any(map(metrics.is_published, pending.minutes)):
            _publish(renewed)
        state = store.save(state.committed(renewed))
    return state


def _publish(pending: Pending) -> None:
    if (age := _now() - pending.begun) > SETTLING / 2:
        raise TimeoutError(
            f"recording the batch of {pending.begun} took {age}; the next run sends it"
        )
    metrics.publish(pending.metrics, pending.minutes[-1])


def _now() -> datetime:
    return datetime.now(UTC)
