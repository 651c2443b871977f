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

from lambda_src.classify_batch.parts import FOLDER, Line, json_lines, line_of, part_key, read_part

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
# Fewer where their keys are that long: the state machine carries 262,144 bytes.
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
    items: list[dict[str, Any]] = field(default_factory=list)
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
    """
    prefix, map_run = event["results"], event["map"]["MapRunArn"]
    total = stepfunctions.describe_map_run(mapRunArn=map_run)["itemCounts"]["total"]
    if not total:
        raise NothingToClassify(f"{event['source']}: no picture there; check prefix or manifest")
    writer = event["map"]["ResultWriterDetails"]
    batches = sorted(_batches(writer["Bucket"], writer["Key"], prefix), key=lambda each: each.first)
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
            f"{event['source']}: only {total} empty folders there; check prefix or manifest"
        )
    counts = {
        "images": total - folders,
        **{status: tally.counts[status] for status in ("accepted", "rejected", "failed")},
        "folders": folders,
    }
    location = f"s3://{RESULTS_BUCKET}/{key}"
    summary = {
        "source": event["source"],
        "execution": event["execution"],
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
    files = json.load(s3.get_object(Bucket=bucket, Key=key)["Body"])["ResultFiles"]
    for output in _records(bucket, files["SUCCEEDED"]):
        yield Batch(output["first"], output["part"])
    for execution in _records(bucket, files["FAILED"]):
        items = json.loads(execution["Input"])["Items"]
        yield Batch(
            items[0]["index"],
            part_key(prefix, items),
            items,
            execution.get("Error") or execution["Status"],
            _message(execution.get("Cause") or "no cause was reported"),
        )


def _records(bucket: str, files: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for file in files:
        for line in s3.get_object(Bucket=bucket, Key=file["Key"])["Body"].iter_lines():
            yield json.loads(line)


def _message(cause: str) -> str:
    """Return the message that a failed function left in its Cause; any other Cause as it is."""
    found = ERROR_MESSAGE.search(cause)
    if found is None:
        return cause
    try:
        message: str = json.loads(f'"{found[1]}"', strict=False)
    except ValueError:  # cut off within an escape
        return found[1]
    return message.encode(errors="backslashreplace").decode()  # lone surrogates


def _chunks(batches: list[Batch], tally: Tally) -> Iterator[bytes]:
    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(batches), THREADS):  # no more than these in memory
            for lines in pool.map(_lines, batches[start : start + THREADS]):
                for line in lines:
                    tally.take(line)
                yield json_lines(line for line in lines if line["status"] != FOLDER)


def _lines(batch: Batch) -> list[Line]:
    lines = read_part(s3, RESULTS_BUCKET, batch.part)
    known = {line["index"]: line for line in lines}
    for item in batch.items:
        fault = {"status": "failed", "error": batch.error, "reason": batch.cause}
        known.setdefault(item["index"], {**line_of(item), **fault})
    return [known[index] for index in sorted(known)]


def _as_in_the_workflow(line: Line) -> dict[str, Any]:
    """The picture as the workflow's results have it, so that one message fits both."""
    body = {"s3_bucket": DATA_BUCKET, "s3_key": line["key"]} if line["key"] else {}
    if line["status"] == "rejected":
        return {"verdict": "rejected", "body": {**body, "reason": line["reason"]}}
    cause = line["reason"][:250]
    return {"verdict": "failed", "error": line["error"], "cause": cause, "body": body}
