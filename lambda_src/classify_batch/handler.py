"""One batch of pictures: each goes through the three steps of the workflow, several at a time.

Results are written to S3 as a part. Pictures that were accepted or rejected in a part that is
there already are not classified again: neither when Step Functions calls once more, nor when an
execution finishes the run of an earlier one.
"""

import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import boto3
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

from lambda_src.classify_image.handler import EndpointUnavailable
from lambda_src.classify_image.handler import lambda_handler as classify_image
from lambda_src.filter_confidence.handler import lambda_handler as filter_confidence
from lambda_src.serialize_image.handler import InvalidImageReference
from lambda_src.serialize_image.handler import lambda_handler as serialize_image

from .parts import Line, json_lines, line_of, part_key, read_part

DATA_BUCKET = os.environ["DATA_BUCKET"]
RESULTS_BUCKET = os.environ["RESULTS_BUCKET"]
THREADS = int(os.environ["THREADS"])

# No picture is begun with less time left: five tries of 25 seconds, and the waits between them.
MARGIN_MILLISECONDS = 150_000

# Errors for which the picture is at fault: its line says so. Any other fails the batch.
PICTURE_FAULTS = frozenset(os.environ["PICTURE_FAULTS"].split(","))

s3 = boto3.client("s3")


class BatchUnfinished(Exception):
    """Throttling, a transient fault or lack of time left some pictures over; another call helps."""


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Classifies `event["Items"]` and writes the part below `event["BatchInput"]["results"]`.

    Returns the part's key, the index of its first picture, and the counts of its lines by status.
    What is finished is in the part also when this raises.

    Raises:
        BatchUnfinished: transient; the state machine calls again.
        Any other error of the steps that is not a picture's fault, as an endpoint that is not
            there: the first of them.
    """
    items: list[dict[str, Any]] = event["Items"]
    key = part_key(event["BatchInput"]["results"], items)
    finished = {
        line["index"]: line
        for line in read_part(s3, RESULTS_BUCKET, key)
        if line["status"] != "failed"
    }
    left = [item for item in items if item["index"] not in finished]
    with ThreadPoolExecutor(THREADS) as pool:
        outcomes = list(pool.map(partial(_outcome, context.get_remaining_time_in_millis), left))
    lines = finished | {line["index"]: line for line in outcomes if isinstance(line, dict)}
    if left and lines:
        ordered = (lines[index] for index in sorted(lines))
        s3.put_object(Bucket=RESULTS_BUCKET, Key=key, Body=json_lines(ordered))
    _raise_for([fault for fault in outcomes if isinstance(fault, Exception)], len(items))
    return {
        "part": key,
        "first": items[0]["index"],
        "counts": Counter(line["status"] for line in lines.values()),
    }


def _outcome(remaining_milliseconds: Callable[[], int], item: dict[str, Any]) -> Line | Exception:
    """The picture's line, or the error that left it without one."""
    if remaining_milliseconds() < MARGIN_MILLISECONDS:
        return BatchUnfinished("no time left in this call")
    line = line_of(item)
    try:
        verdict = _classify(line["key"], item)
    except Exception as error:
        name = type(error).__name__
        if name in PICTURE_FAULTS:
            return {**line, "status": "failed", "error": name, "reason": str(error)}
        return error
    status = "accepted" if verdict["statusCode"] == 200 else "rejected"
    told = {name: verdict["body"].get(name) for name in ("label", "confidence", "inferences")}
    reason = {"reason": verdict["body"]["reason"]} if status == "rejected" else {}
    return {**line, "status": status, **told, **reason}


def _classify(key: str | None, item: dict[str, Any]) -> dict[str, Any]:
    if key is None:
        raise InvalidImageReference(
            f"row {item['index'] + 1} of the manifest is {item['item']!r:.200}; expected a key of "
            f"s3://{DATA_BUCKET} in the column (or member) key"
        )
    read = serialize_image({"s3_bucket": DATA_BUCKET, "s3_key": key}, None)
    return filter_confidence(classify_image(read["body"], None)["body"], None)


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
