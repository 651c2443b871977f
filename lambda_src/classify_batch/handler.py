"""Classify a batch of pictures, several at a time, and write the results to S3 as a part.

Pictures that an existing part has as accepted or rejected are not classified again, neither when
Step Functions repeats a call nor when an execution resumes the run of an earlier one.

If the model answers 5xx or nonsense, the endpoint is at fault and the batch is called again, unless
this happens for the same picture every time while another one is answered in between. Then that
picture becomes a failed line, and the batch goes on.
"""

import base64
import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

from lambda_src.shared import bulk_parts, picture_steps
from lambda_src.shared.bulk_parts import FOLDER, Item, Line, line_of
from lambda_src.shared.environment import EnvironmentVariables
from lambda_src.shared.events import mapping
from lambda_src.shared.messages import shown
from lambda_src.shared.picture_format import ImageEmpty
from lambda_src.shared.picture_steps import (
    EndpointUnavailable,
    ImageRefused,
    InvalidImageReference,
    InvalidPrediction,
)


@dataclass(frozen=True)
class Environment(EnvironmentVariables):
    """The variables that the stack sets."""

    classes: tuple[str, ...]
    confidence_threshold: float
    data_bucket: str
    endpoint_name: str
    picture_faults: tuple[str, ...]
    """Errors for which the picture is at fault: its line says so. Any other fails the batch."""
    results_bucket: str
    threads: int


# No picture is begun with less time left: five tries of 25 seconds, and the waits between them.
MARGIN_MILLISECONDS = 150_000

# Between two writes of the finished lines: a call whose process dies loses no more.
SAVE_SECONDS = 5.0

# Name of the error in the line of a picture that the model fails for, and how often the model is
# asked again before.
MODEL_FAILED = "ModelFailed"
ASKED_AGAIN = 3

# Seconds before each look whether the model answers: a picture may have killed its process. They
# vary by a half: if batches asked in step while a picture of one of them kills the model, the
# others' good pictures would be blamed.
PAUSES = (0, 1, 2, 4, 8)

# A grey picture of 32x32 pixels for these looks: a batch may have no good picture.
PROBE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAACAAAAAgCAIAAAD8GO2jAAAAJklEQVR42u3NMQ0AAAwDoEqv9KrYsQQMkB6LQCAQCAQC"
    "gUAg+BIMLd4AWwUPN68AAAAASUVORK5CYII="
)

# Adaptive: one thread that is throttled slows down all of its function.
RETRIES: Any = {"mode": "adaptive", "total_max_attempts": 5}

environment = Environment.read()
s3 = boto3.client("s3", config=Config(retries=RETRIES))
runtime = picture_steps.endpoint_client(RETRIES)

RemainingTime = Callable[[], int]
Outcome = Line | Exception


class BatchUnfinished(Exception):
    """Throttling, a transient fault or lack of time left pictures over; another call helps."""


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Classify `event["Items"]` and write the part below `event["BatchInput"]["results"]`.

    Returns the part's key, the index of its first picture, and the counts of its lines by status.
    The part has the finished lines even if this raises an error, and most of them if the process
    dies. Errors that are not a picture's fault are raised: BatchUnfinished, for which the state
    machine calls again, if all are transient; otherwise the first other one.
    """
    items = bulk_parts.read_items(event)
    key = bulk_parts.part_key(bulk_parts.read_results(mapping(event, "BatchInput")), items)
    finished = {
        line["index"]: line
        for line in bulk_parts.read_part(s3, environment.results_bucket, key, items)
        if line["status"] != "failed"
    }
    left = [item for item in items if item["index"] not in finished]
    remaining_time: RemainingTime = context.get_remaining_time_in_millis
    outcomes: list[Outcome] = []
    saved = time.monotonic()
    with ThreadPoolExecutor(environment.threads) as pool:
        for outcome in pool.map(partial(_outcome, remaining_time), left):
            outcomes.append(outcome)
            if time.monotonic() - saved > SAVE_SECONDS:
                _save(key, finished, outcomes)
                saved = time.monotonic()
    lines = _save(key, finished, outcomes)
    if any(map(_is_model_failure, outcomes)):
        outcomes = _with_model_failures_resolved(remaining_time, left, outcomes)
        lines = _save(key, finished, outcomes)
    _raise_for([fault for fault in outcomes if isinstance(fault, Exception)], len(items))
    return {
        "part": key,
        "first": items[0]["index"],
        "counts": Counter(line["status"] for line in lines.values()),
    }


def _save(key: str, finished: dict[int, Line], outcomes: list[Outcome]) -> dict[int, Line]:
    """Write the part with all lines so far, if any is new; return them by index."""
    new = {line["index"]: line for line in outcomes if isinstance(line, dict)}
    lines = finished | new
    if new:
        body = bulk_parts.json_lines(lines[index] for index in sorted(lines))
        s3.put_object(Bucket=environment.results_bucket, Key=key, Body=body)
    return lines


def _outcome(remaining_time: RemainingTime, item: Item) -> Outcome:
    """Return the picture's line, or the error that left it without one."""
    if remaining_time() < MARGIN_MILLISECONDS:
        return BatchUnfinished("no time left in this call")
    line = line_of(item)
    try:
        return _classified(line, item)
    except Exception as error:
        name = type(error).__name__
        if isinstance(error, ImageEmpty) and line["key"].endswith("/"):
            return {**line, "status": FOLDER}
        if name in environment.picture_faults:
            return _failed(item, name, str(error))
        return error


def _classified(line: Line, item: Item) -> Line:
    if line["key"] is None:
        raise InvalidImageReference(
            f"row {item['index'] + 1} of the manifest is {shown(item.get('item'))}; expected a key "
            f"of s3://{environment.data_bucket} in the column (or member) key"
        )
    bucket, key = picture_steps.reference(
        {"s3_bucket": environment.data_bucket, "s3_key": line["key"]}
    )
    source = f"s3://{bucket}/{key}"
    image = picture_steps.read(s3, bucket, key)
    verdict = picture_steps.judge(
        picture_steps.classify(runtime, environment.endpoint_name, image, source=source),
        classes=environment.classes,
        threshold=environment.confidence_threshold,
        source=source,
    )
    classified = {**line, "status": verdict.status, **verdict._asdict()}
    if verdict.reason is None:
        del classified["reason"]
    return classified


def _failed(item: Item, error: str, reason: str) -> Line:
    return {**line_of(item), "status": "failed", "error": error, "reason": reason}


def _with_model_failures_resolved(
    remaining_time: RemainingTime, items: list[Item], outcomes: list[Outcome]
) -> list[Outcome]:
    """Ask the model again about the pictures that it failed for; return all outcomes.

    One after the other: a picture that kills the model's process takes others along.
    """
    resolved = list(outcomes)
    for position, (item, fault) in enumerate(zip(items, outcomes, strict=True)):
        if _is_model_failure(fault):
            resolved[position] = _resolved(remaining_time, item, fault)
            if _is_model_failure(resolved[position]):
                break  # the endpoint's fault, and so are those that follow
    return resolved


def _resolved(remaining_time: RemainingTime, item: Item, fault: Outcome) -> Outcome:
    """Return the picture's line, or the fault if the model does not answer at all."""
    for left in reversed(range(1 + ASKED_AGAIN)):
        if not _model_answers(remaining_time):
            return fault
        if left:
            fault = _outcome(remaining_time, item)
            if not _is_model_failure(fault):
                return fault
    times = 1 + ASKED_AGAIN
    reason = f"{fault}; the model failed {times} times, and answered for another picture in between"
    return _failed(item, MODEL_FAILED, reason)


def _model_answers(remaining_time: RemainingTime) -> bool:
    for pause in PAUSES:
        time.sleep(pause * random.uniform(0.5, 1.5))
        if remaining_time() < MARGIN_MILLISECONDS:
            return False
        try:
            picture_steps.classify(
                runtime, environment.endpoint_name, PROBE, source="a grey picture"
            )
        except (EndpointUnavailable, InvalidPrediction):
            continue
        except ImageRefused:
            pass  # also an answer
        return True
    return False


def _is_model_failure(outcome: Outcome) -> bool:
    """Tell the model's answers, 5xx or nonsense, from throttling and the network."""
    if isinstance(outcome, EndpointUnavailable):
        return isinstance(outcome.__cause__, runtime.exceptions.ModelError)
    return isinstance(outcome, InvalidPrediction)


def _raise_for(faults: list[Exception], pictures: int) -> None:
    ours = [fault for fault in faults if not _is_transient(fault)]
    if ours:
        raise ours[0]
    if faults:
        raise BatchUnfinished(f"{len(faults)} of {pictures} pictures are left over: {faults[0]}")


def _is_transient(fault: Exception) -> bool:
    if isinstance(fault, ClientError):
        status = fault.response["ResponseMetadata"]["HTTPStatusCode"]
        return status >= 500 or "Throttl" in fault.response["Error"]["Code"]
    return isinstance(
        fault, BatchUnfinished | EndpointUnavailable | ConnectionError | HTTPClientError
    )
