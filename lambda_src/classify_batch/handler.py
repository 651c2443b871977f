"""One batch of pictures: each goes through the three steps of the workflow, several at a time.

Results are written to S3 as a part. Pictures that were accepted or rejected in a part that is
there already are not classified again: neither when Step Functions calls once more, nor when an
execution finishes the run of an earlier one.

A model that answers 5xx, or nonsense, is the endpoint's fault, and the batch is called again;
unless it does so for the same picture each time, and answers for another one in between. Then that
picture is a failed line, and the batch goes on.
"""

import base64
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import boto3
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

from lambda_src.classify_image.handler import (
    EndpointUnavailable,
    ImageRefused,
    InvalidPrediction,
    classify,
    runtime,
)
from lambda_src.classify_image.handler import lambda_handler as classify_image
from lambda_src.filter_confidence.handler import judge
from lambda_src.serialize_image.handler import lambda_handler as serialize_image
from lambda_src.shared.events import mapping, shown
from lambda_src.shared.pictures import ImageEmpty
from lambda_src.shared.stored_pictures import InvalidImageReference

from .parts import (
    FOLDER,
    Item,
    Line,
    json_lines,
    line_of,
    part_key,
    read_items,
    read_part,
    read_results,
)

DATA_BUCKET = os.environ["DATA_BUCKET"]
RESULTS_BUCKET = os.environ["RESULTS_BUCKET"]
THREADS = int(os.environ["THREADS"])

# No picture is begun with less time left: five tries of 25 seconds, and the waits between them.
MARGIN_MILLISECONDS = 150_000

# Between two writes of what is finished so far: a call whose process dies loses no more.
SAVE_SECONDS = 5.0

# Errors for which the picture is at fault: its line says so. Any other fails the batch.
PICTURE_FAULTS = frozenset(os.environ["PICTURE_FAULTS"].split(","))

# Name of the error in the line of a picture that the model fails for, and how often it is asked
# again before it is said to.
MODEL_FAILED = "ModelFailed"
ASKED_AGAIN = 3

# Seconds before each look whether the model answers: a picture may have killed its process. Give or
# take a half: a picture of another batch may kill it, too, and batches that ask in step would have
# their good pictures blamed for that.
PAUSES = (0, 1, 2, 4, 8)

# A grey picture of 32x32 pixels, for these looks: a batch may have no good picture of its own.
PROBE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAACAAAAAgCAIAAAD8GO2jAAAAJklEQVR42u3NMQ0AAAwDoEqv9KrYsQQMkB6LQCAQCAQC"
    "gUAg+BIMLd4AWwUPN68AAAAASUVORK5CYII="
)

s3 = boto3.client("s3")

RemainingTime = Callable[[], int]
Outcome = Line | Exception


class BatchUnfinished(Exception):
    """Throttling, a transient fault or lack of time left some pictures over; another call helps."""


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Classifies `event["Items"]` and writes the part below `event["BatchInput"]["results"]`.

    Returns the part's key, the index of its first picture, and the counts of its lines by status.
    What is finished is in the part also when this raises, and most of it when the process dies.

    Raises:
        BatchUnfinished: transient; the state machine calls again.
        InvalidEvent: the event is not a batch.
        Any other error of the steps that is not a picture's fault, as an endpoint that is not
            there: the first of them.
    """
    items = read_items(event)
    key = part_key(read_results(mapping(event, "BatchInput")), items)
    finished = {
        line["index"]: line
        for line in read_part(s3, RESULTS_BUCKET, key, items)
        if line["status"] != "failed"
    }
    left = [item for item in items if item["index"] not in finished]
    remaining_time: RemainingTime = context.get_remaining_time_in_millis
    outcomes: list[Outcome] = []
    saved = time.monotonic()
    with ThreadPoolExecutor(THREADS) as pool:
        for outcome in pool.map(partial(_outcome, remaining_time), left):
            outcomes.append(outcome)
            if time.monotonic() - saved > SAVE_SECONDS:
                _written(key, finished, outcomes)
                saved = time.monotonic()
    lines = _written(key, finished, outcomes)
    if any(map(_is_model_failure, outcomes)):
        outcomes = _asked_again(remaining_time, left, outcomes)
        lines = _written(key, finished, outcomes)
    _raise_for([fault for fault in outcomes if isinstance(fault, Exception)], len(items))
    return {
        "part": key,
        "first": items[0]["index"],
        "counts": Counter(line["status"] for line in lines.values()),
    }


def _written(key: str, finished: dict[int, Line], outcomes: list[Outcome]) -> dict[int, Line]:
    """Write the part with all lines there are, if any is new; return them by index."""
    new = {line["index"]: line for line in outcomes if isinstance(line, dict)}
    lines = finished | new
    if new:
        ordered = (lines[index] for index in sorted(lines))
        s3.put_object(Bucket=RESULTS_BUCKET, Key=key, Body=json_lines(ordered))
    return lines


def _outcome(remaining_time: RemainingTime, item: Item) -> Outcome:
    """Return the picture's line, or the error that left it without one."""
    if remaining_time() < MARGIN_MILLISECONDS:
        return BatchUnfinished("no time left in this call")
    line = line_of(item)
    try:
        verdict = _classify(line["key"], item)
    except Exception as error:
        name = type(error).__name__
        if isinstance(error, ImageEmpty) and line["key"].endswith("/"):
            return {**line, "status": FOLDER}
        if name in PICTURE_FAULTS:
            return _failed(item, name, str(error))
        return error
    status = "accepted" if verdict["statusCode"] == 200 else "rejected"
    told = {name: verdict["body"].get(name) for name in ("label", "confidence", "inferences")}
    reason = {"reason": verdict["body"]["reason"]} if status == "rejected" else {}
    return {**line, "status": status, **told, **reason}


def _failed(item: Item, error: str, reason: str) -> Line:
    return {**line_of(item), "status": "failed", "error": error, "reason": reason}


def _asked_again(
    remaining_time: RemainingTime, items: list[Item], outcomes: list[Outcome]
) -> list[Outcome]:
    """Return the outcomes with those of the pictures that the model failed for found out.

    One after the other: a picture that kills the model's process takes others along.
    """
    found_out = list(outcomes)
    for position, fault in enumerate(outcomes):
        if _is_model_failure(fault):
            found_out[position] = _found_out(remaining_time, items[position], fault)
            if _is_model_failure(found_out[position]):
                break  # the endpoint's fault, and so are those that follow
    return found_out


def _found_out(remaining_time: RemainingTime, item: Item, fault: Outcome) -> Outcome:
    """Return the picture's line, or the fault if the model does not answer at all."""
    for _ in range(ASKED_AGAIN):
        if not _model_answers(remaining_time):
            return fault
        fault = _outcome(remaining_time, item)
        if not _is_model_failure(fault):
            return fault
    if not _model_answers(remaining_time):
        return fault
    return _failed(
        item,
        MODEL_FAILED,
        f"{fault}; so it did {1 + ASKED_AGAIN} times, and answered for another picture in between",
    )


def _model_answers(remaining_time: RemainingTime) -> bool:
    for pause in PAUSES:
        time.sleep(pause * random.uniform(0.5, 1.5))
        if remaining_time() < MARGIN_MILLISECONDS:
            return False
        try:
            classify(PROBE, "a grey picture")
        except (EndpointUnavailable, InvalidPrediction):
            continue
        except ImageRefused:
            pass  # an answer, too
        return True
    return False


def _is_model_failure(outcome: Outcome) -> bool:
    """Tell what the model answered, 5xx or nonsense, from throttling and the network."""
    if isinstance(outcome, EndpointUnavailable):
        return isinstance(outcome.__cause__, runtime.exceptions.ModelError)
    return isinstance(outcome, InvalidPrediction)


def _classify(key: str | None, item: Item) -> dict[str, Any]:
    if key is None:
        raise InvalidImageReference(
            f"row {item['index'] + 1} of the manifest is {shown(item.get('item'))}; expected a key "
            f"of s3://{DATA_BUCKET} in the column (or member) key"
        )
    read = serialize_image({"s3_bucket": DATA_BUCKET, "s3_key": key}, None)
    return judge(classify_image(read["body"], None)["body"])


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
