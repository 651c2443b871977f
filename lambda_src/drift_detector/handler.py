"""The scheduled run: reads new captures and tells CloudWatch how far they are from the baseline.

How each record is counted exactly once: cursor.py. What is compared with what: drift.py.
"""

import logging
import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, cast

import boto3
from botocore.config import Config

from .baseline import Observation, StoredBaseline
from .batch import Batch
from .cursor import CaptureFile, Cursor, OvertakenError, Pending, State, StateStore
from .drift import WINDOW, compare, window_of
from .metrics import Metrics, drift_of

BUCKET = os.environ["CAPTURE_BUCKET"]
PREFIX = os.environ["CAPTURE_PREFIX"]  # of the endpoint's variant, ends in a slash
STATE_BUCKET = os.environ["STATE_BUCKET"]  # of the state and of the baseline
STATE_KEY = os.environ["STATE_KEY"]
BASELINE_KEY = os.environ["BASELINE_KEY"]
MODEL_NAME = os.environ["MODEL_NAME"]  # of the baseline
MODEL_NAME_PARAMETER = os.environ["MODEL_NAME_PARAMETER"]  # SSM: of the model that is deployed
THRESHOLD = float(os.environ["CONFIDENCE_THRESHOLD"])

MAX_RECORDS = 20_000
"""Of a batch, rounded up to a whole file: what fits into the function's memory many times."""
MARGIN_MILLISECONDS = 60_000
"""Time that must be left to begin another file: it is enough to send the figures, too."""
LAST_MILLISECONDS = 30_000
"""Time that must be left to go on with a file. The rest of the file is then left out: if the next
run began it again, a file that takes longer than one would be read forever."""
SETTLING = timedelta(seconds=45)
"""How long ago a pending batch must have been begun before another run takes it over. The run that
began it either sent it within half of this time or never will; the other half is for CloudWatch to
show it. By then the usual delay of some seconds is over; AWS promises no time."""

logger = logging.getLogger()
logger.setLevel(logging.INFO)

s3 = boto3.client("s3")
ssm = boto3.client("ssm")
metrics = Metrics(
    boto3.client(
        "cloudwatch",
        config=Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 1}),
    ),
    namespace=os.environ["METRIC_NAMESPACE"],
    endpoint_name=os.environ["ENDPOINT_NAME"],
)
store = StateStore(s3, bucket=STATE_BUCKET, key=STATE_KEY)


def lambda_handler(_event: object, context: Any) -> dict[str, Any]:
    """Finishes what an earlier run left, then reads, compares and sends, batch by batch.

    Returns the records and files that it counted, and the files that are left to the next run.
    """

    def has_time(margin: int = MARGIN_MILLISECONDS) -> bool:
        return bool(context.get_remaining_time_in_millis() > margin)

    baseline = StoredBaseline.load(s3, bucket=STATE_BUCKET, key=BASELINE_KEY)
    try:
        return _run(baseline, _settled(store.load()), has_time)
    except OvertakenError as error:
        # Nothing is lost: the other run goes on, or the next one does.
        logger.warning("ended: %s", error)
        return {"overtaken": str(error)}


def _run(baseline: StoredBaseline, state: State, has_time: Callable[..., bool]) -> dict[str, Any]:
    new = state.cursor.new_files(s3, bucket=BUCKET, prefix=PREFIX, now=_now())
    model_is_served = _model_is_served()  # by who answered what was listed
    files, records = deque(new), 0
    while True:
        # The first batch may be empty: that nothing was captured is a figure, too.
        batch = Batch(
            baseline,
            model_is_served,
            may_measure=has_time,
            may_read=partial(has_time, LAST_MILLISECONDS),
        )
        done = _read(batch, files, has_time)
        state = _send(state, batch, done)
        records += batch.records
        if not files or not has_time():
            break
    result = {"records": records, "files": len(new) - len(files), "files_left": len(files)}
    logger.info("%s", result)
    return result


def _model_is_served() -> bool:
    """False from before a deployment updates the endpoint until its model has a baseline."""
    name = ssm.get_parameter(Name=MODEL_NAME_PARAMETER)["Parameter"].get("Value")
    if name != MODEL_NAME:
        logger.warning(
            "nothing is compared: the model is %s or soon will be, the baseline is of %s; "
            "the deployment of the monitoring stack makes the new one",
            name,
            MODEL_NAME,
        )
    return name == MODEL_NAME


def _read(
    batch: Batch, files: deque[CaptureFile], has_time: Callable[[], bool]
) -> list[CaptureFile]:
    done = []
    while files and batch.records < MAX_RECORDS and has_time():
        file = files.popleft()
        try:
            body = s3.get_object(Bucket=BUCKET, Key=file.key)["Body"]
        except s3.exceptions.NoSuchKey:
            batch.refuse(f"{file.key}: it has gone since it was listed")
        except s3.exceptions.InvalidObjectState:
            batch.refuse(f"{file.key}: it is archived")
        else:
            batch.add_file(file.key, cast(Any, body))
        done.append(file)
    return done


def _send(state: State, batch: Batch, done: list[CaptureFile]) -> State:
    observations = batch.observations
    earlier = _window(state.cursor)
    window = window_of([*earlier, *observations], latest_run=len(observations))
    baseline = batch.baseline.baseline
    comparisons = compare(baseline, window, threshold=THRESHOLD) if observations else []
    for each in comparisons:
        logger.log(logging.WARNING if each.ratio > 1 else logging.INFO, "%s", each)
    begun = _now()
    cursor = replace(
        state.cursor.after(done), baseline=BASELINE_KEY, window=tuple(window[-WINDOW:])
    )
    pending = Pending(
        begun=begun,
        minutes=(state.free_minute(begun),),
        figures={**batch.counts, **drift_of(comparisons)},
        then=cursor,
    )
    state = store.save(replace(state, pending=pending))
    _publish(pending)
    return _commit(state, pending)


def _settled(state: State) -> State:
    """The state without a pending batch: sent, if CloudWatch does not have it."""
    while pending := state.pending:
        wait = pending.begun + SETTLING - _now()
        if wait > timedelta():
            time.sleep(wait.total_seconds())
            state = store.load()
            continue
        logger.warning("an earlier run left a batch of %s", pending.begun)
        begun = _now()
        renewed = replace(
            pending, begun=begun, minutes=(*pending.minutes, state.free_minute(begun))
        )
        state = store.save(replace(state, pending=renewed))
        if not any(map(metrics.is_published, pending.minutes)):
            _publish(renewed)
        state = _commit(state, renewed)
    return state


def _publish(pending: Pending) -> None:
    if (age := _now() - pending.begun) > SETTLING / 2:
        raise TimeoutError(
            f"the batch of {pending.begun} took {age} to be written down; the next run sends it"
        )
    metrics.publish(pending.figures, pending.minutes[-1])


def _commit(state: State, pending: Pending) -> State:
    return store.save(state.committed(pending))


def _window(cursor: Cursor) -> list[Observation]:
    if cursor.baseline != BASELINE_KEY:
        return []  # said by another model
    return [Observation(*row) for row in cursor.window]


def _now() -> datetime:
    return datetime.now(UTC)
