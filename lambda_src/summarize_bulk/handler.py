"""The end of a bulk run: one file of results, in order and complete, and its summary.

Reads what the ResultWriter of the Distributed Map wrote (JSON Lines, Transformation COMPACT):
https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
"""

import io
import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

from lambda_src.classify_batch.parts import (
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
from lambda_src.shared import json_limits
from lambda_src.shared.events import (
    InvalidEvent,
    bucket_name,
    invalid,
    mapping,
    object_key,
    sendable,
    sequence,
    text,
    whole_number,
)

from .stream import Stream

DATA_BUCKET = os.environ["DATA_BUCKET"]
RESULTS_BUCKET = os.environ["RESULTS_BUCKET"]

# A Cause may quote the JSON of a failed function, or be cut off within it. The workflow's states
# read it in the same way: error_cause.readable.
ERROR_MESSAGE = re.compile(r'"errorMessage"\s*:\s*"((?:[^"\\]|\\.)+)', re.DOTALL)

# Parts that are read at the same time, and held in memory.
THREADS = 16

# Pictures that the message names, of each kind: as workflow_expressions.MAX_NAMED, and no more.
MAX_NAMED = 20
# Letters of a reason that the state machine carries.
MAX_REASON = 250
# Fewer pictures where their keys are that long: the state machine carries 262,144 bytes.
MAX_NAMED_BYTES = 100_000

s3 = boto3.client("s3", config=Config(max_pool_connections=THREADS))
stepfunctions = boto3.client("stepfunctions")


class NothingToClassify(Exception):
    """There is no picture below the prefix, or in the manifest."""


class ResultsIncomplete(Exception):
    """Some picture has no line, or more than one."""


@dataclass(frozen=True)
class Batch:
    """A batch of the Map Run; one that failed knows its items and why."""

    first: int
    part: str
    items: list[Item] = field(default_factory=list)
    error: str = ""
    cause: str = ""


@dataclass
class Tally:
    """What went by: how many lines of each status, and the first of those to be told of."""

    counts: Counter[str] = field(default_factory=Counter)
    named: list[dict[str, Any]] = field(default_factory=list)
    named_bytes: Counter[str] = field(default_factory=Counter)

    def take(self, line: Line) -> None:
        """Count one line.

        Raises:
            ResultsIncomplete: it is not that of the next picture.
        """
        if line["index"] != self.counts.total():
            raise ResultsIncomplete(
                f"the line after {self.counts.total()} pictures is that of picture {line['index']}"
            )
        status = line["status"]
        self.counts[status] += 1
        if status not in ("accepted", FOLDER) and self.counts[status] <= MAX_NAMED:
            named = _as_in_the_workflow(line)
            self.named_bytes[status] += len(json.dumps(named))
            if self.named_bytes[status] <= MAX_NAMED_BYTES:
                self.named.append(named)


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Writes `results.jsonl` and `summary.json` below `event["results"]`.

    `event["map"]` is the result of the Map. Returns `counts` and `results` as the workflow's Map
    does, the latter for at most 20 pictures of each kind that is not accepted, and the `location`
    of all. Folders of the console are no pictures: they are counted, and have no line.

    Raises:
        NothingToClassify: there are no pictures; most often a typing slip in the input.
        ResultsIncomplete: not every picture of the Map Run has exactly one line.
        InvalidEvent: a member of the event is missing, or of another type.
    """
    prefix, source, execution = read_results(event), text(event, "source"), text(event, "execution")
    map_run = text(mapping(event, "map"), "MapRunArn")
    writer = mapping(mapping(event, "map"), "ResultWriterDetails")
    manifest = bucket_name(writer, "Bucket"), object_key(writer, "Key")
    total = stepfunctions.describe_map_run(mapRunArn=map_run)["itemCounts"]["total"]
    if not total:
        raise NothingToClassify(f"{source}: no picture there; check prefix or manifest")
    batches = sorted(_batches(*manifest, prefix), key=lambda each: each.first)
    tally = Tally()
    key = f"{prefix}/results.jsonl"
    s3.upload_fileobj(
        io.BufferedReader(Stream(_chunks(batches, tally))),
        RESULTS_BUCKET,
        key,
        Config=TransferConfig(use_threads=False),  # one part of it in memory at a time
    )
    if tally.counts.total() != total:
        raise ResultsIncomplete(
            f"s3://{RESULTS_BUCKET}/{key} has {tally.counts.total()} lines for the {total} "
            f"pictures of {map_run}"
        )
    folders = tally.counts[FOLDER]
    if folders == total:
        raise NothingToClassify(
            f"{source}: only {total} empty folders there; check prefix or manifest"
        )
    counts = {
        "images": total - folders,
        **{status: tally.counts[status] for status in ("accepted", "rejected", "failed")},
        "folders": folders,
    }
    location = f"s3://{RESULTS_BUCKET}/{key}"
    summary = {
        "source": source,
        "execution": execution,
        "counts": counts,
        "location": location,
    }
    s3.put_object(
        Bucket=RESULTS_BUCKET,
        Key=f"{prefix}/summary.json",
        Body=json.dumps({**summary, "mapRunArn": map_run}, indent=2).encode(),
    )
    return {**summary, "results": tally.named}


def _batches(bucket: str, key: str, prefix: str) -> Iterator[Batch]:
    """Yield the batches of the manifest that the ResultWriter wrote.

    Raises:
        ResultsIncomplete: it, or a file that it names, is not what a ResultWriter writes, or gone.
    """
    try:
        manifest = json_limits.parse(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        files = mapping(manifest, "ResultFiles")
        for output in _records(bucket, sequence(files, "SUCCEEDED")):
            yield Batch(whole_number(output, "first"), object_key(output, "part"))
        for execution in _records(bucket, sequence(files, "FAILED")):
            yield _failed_batch(execution, prefix)
    except (ValueError, InvalidEvent, s3.exceptions.NoSuchKey) as error:
        raise ResultsIncomplete(
            f"s3://{bucket}/{key}, or a file that it names, is gone or damaged: {error}; "
            f"{_remedy(prefix)}"
        ) from error


def _failed_batch(execution: Any, prefix: str) -> Batch:
    given = execution.get("Input") if isinstance(execution, dict) else None
    if not isinstance(given, str):
        raise invalid("Input", given, "a text")
    try:
        items = read_items(json.loads(given))  # of any characters, as manifests are
    except RecursionError as error:
        raise invalid("Input", given, "JSON that is not nested so deeply") from error
    cause = execution.get("Cause")
    return Batch(
        items[0]["index"],
        part_key(prefix, items),
        items,
        str(execution.get("Error") or execution.get("Status")),
        _message(cause) if cause and isinstance(cause, str) else "no cause was reported",
    )


def _remedy(prefix: str) -> str:
    run = prefix.rpartition("/")[2]
    return f"its pictures are classified again by scones classify --resume {run}"


def _records(bucket: str, files: list[Any]) -> Iterator[Any]:
    for file in files:
        for line in s3.get_object(Bucket=bucket, Key=object_key(file, "Key"))["Body"].iter_lines():
            yield json_limits.parse(line)


def _message(cause: str) -> str:
    """Return the message that a failed function left in its Cause; any other Cause as it is."""
    found = ERROR_MESSAGE.search(cause)
    if found is None:
        return cause
    try:
        message: str = json.loads(f'"{found[1]}"', strict=False)
    except ValueError:  # cut off within an escape
        return found[1]
    return sendable(message)


def _chunks(batches: list[Batch], tally: Tally) -> Iterator[bytes]:
    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(batches), THREADS):  # no more than these in memory
            for lines in pool.map(_lines, batches[start : start + THREADS]):
                for line in lines:
                    tally.take(line)
                yield json_lines(line for line in lines if line["status"] != FOLDER)


def _lines(batch: Batch) -> list[Line]:
    lines = read_part(s3, RESULTS_BUCKET, batch.part, batch.items or None)
    if not lines and not batch.items:
        raise ResultsIncomplete(
            f"s3://{RESULTS_BUCKET}/{batch.part} is gone or damaged; "
            f"{_remedy(batch.part.partition('/parts/')[0])}"
        )
    known = {line["index"]: line for line in lines}
    for item in batch.items:
        fault = {"status": "failed", "error": batch.error, "reason": batch.cause}
        known.setdefault(item["index"], {**line_of(item), **fault})
    return [known[index] for index in sorted(known)]


def _as_in_the_workflow(line: Line) -> dict[str, Any]:
    """The picture as the workflow's results have it, so that one message fits both."""
    body = {"s3_bucket": DATA_BUCKET, "s3_key": sendable(line["key"])} if line["key"] else {}
    reason = sendable(line["reason"][:MAX_REASON])
    if line["status"] == "rejected":
        return {"verdict": "rejected", "body": {**body, "reason": reason}}
    return {"verdict": "failed", "error": sendable(line["error"]), "cause": reason, "body": body}
