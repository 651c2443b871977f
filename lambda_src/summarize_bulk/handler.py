"""Finish a bulk run: one complete file of results in order, and its summary.

Reads what the ResultWriter of the Distributed Map wrote (JSON Lines, Transformation COMPACT):
https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
"""

import io
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

from lambda_src.shared import bulk_parts, events, json_limits
from lambda_src.shared.bulk_parts import FOLDER, Item, Line
from lambda_src.shared.environment import EnvironmentVariables
from lambda_src.shared.events import mapping
from lambda_src.shared.messages import sendable
from lambda_src.shared.result_summary import ResultSummary


@dataclass(frozen=True)
class Environment(EnvironmentVariables):
    """The variables that the stack sets."""

    data_bucket: str
    results_bucket: str


# A Cause may quote the JSON of a failed function, or be cut off within it. The workflow's states
# read it the same way: jsonata.readable.
ERROR_MESSAGE = re.compile(r'"errorMessage"\s*:\s*"((?:[^"\\]|\\.)+)', re.DOTALL)

# Parts that are read at the same time, and held in memory.
THREADS = 16

environment = Environment.read()
s3 = boto3.client("s3", config=Config(max_pool_connections=THREADS))
stepfunctions = boto3.client("stepfunctions")


class NothingToClassify(Exception):
    """No picture is below the prefix or in the manifest."""


class ResultsIncomplete(Exception):
    """A picture has no line, or more than one."""


@dataclass(frozen=True)
class Batch:
    """A batch of the Map Run; one that failed knows its items and why."""

    first: int
    part: str
    items: list[Item] = field(default_factory=list)
    error: str = ""
    cause: str = ""


class Stream(io.RawIOBase):
    """A file to read from, made of chunks of bytes; it never holds two of them."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the beginning of the buffer; return the number of bytes, 0 at the end."""
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = chunk
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Write `results.jsonl` and `summary.json` below `event["results"]`.

    `event["map"]` is the result of the Map. Returns `counts` and `results` as the workflow's Map
    does, the latter for at most 20 pictures of each status that is not accepted, and the `location`
    of all. The console's empty folders are not pictures: they are counted, and have no line.
    """
    prefix = bulk_parts.read_results(event)
    source, execution = events.text(event, "source"), events.text(event, "execution")
    map_run = events.text(mapping(event, "map"), "MapRunArn")
    writer = mapping(mapping(event, "map"), "ResultWriterDetails")
    manifest = events.bucket_name(writer, "Bucket"), events.object_key(writer, "Key")
    total = stepfunctions.describe_map_run(mapRunArn=map_run)["itemCounts"]["total"]
    if not total:
        raise NothingToClassify(f"{source}: no picture found; check prefix or manifest")
    batches = sorted(_batches(*manifest, prefix), key=lambda each: each.first)
    results = ResultSummary(environment.data_bucket)
    bucket, key = environment.results_bucket, f"{prefix}/results.jsonl"
    location = f"s3://{bucket}/{key}"
    s3.upload_fileobj(
        io.BufferedReader(Stream(_chunks(batches, results))),
        bucket,
        key,
        Config=TransferConfig(use_threads=False),  # one part of it in memory at a time
    )
    if (lines := results.counts.total()) != total:
        raise ResultsIncomplete(
            f"{location} has {lines} lines for the {total} pictures of {map_run}"
        )
    folders = results.counts[FOLDER]
    if folders == total:
        raise NothingToClassify(
            f"{source}: only {total} empty folders found; check prefix or manifest"
        )
    summary = {
        "source": source,
        "execution": execution,
        "counts": results.counts_with(folders=folders),
        "location": location,
    }
    s3.put_object(
        Bucket=bucket,
        Key=f"{prefix}/summary.json",
        Body=json.dumps({**summary, "mapRunArn": map_run}, indent=2).encode(),
    )
    return {**summary, "results": results.named}


def _batches(bucket: str, key: str, prefix: str) -> Iterator[Batch]:
    """Yield the batches of the manifest that the ResultWriter wrote."""
    try:
        manifest = json_limits.parse(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        files = mapping(manifest, "ResultFiles")
        for output in _records(bucket, events.sequence(files, "SUCCEEDED")):
            yield Batch(events.whole_number(output, "first"), events.object_key(output, "part"))
        for execution in _records(bucket, events.sequence(files, "FAILED")):
            yield _failed_batch(execution, prefix)
    except (ValueError, events.InvalidEvent, s3.exceptions.NoSuchKey) as error:
        raise ResultsIncomplete(
            f"s3://{bucket}/{key}, or a file that it names, is gone or damaged: {error}; "
            f"{_remedy(prefix)}"
        ) from error


def _failed_batch(execution: Any, prefix: str) -> Batch:
    given = execution.get("Input") if isinstance(execution, dict) else None
    if not isinstance(given, str):
        raise events.invalid("Input", given, "a string")
    try:
        items = bulk_parts.read_items(json.loads(given))  # of any characters, as manifests are
    except RecursionError as error:
        raise events.invalid("Input", given, "JSON that is not nested so deeply") from error
    cause = execution.get("Cause")
    return Batch(
        items[0]["index"],
        bulk_parts.part_key(prefix, items),
        items,
        str(execution.get("Error") or execution.get("Status")),
        _message(cause) if cause and isinstance(cause, str) else "no cause was reported",
    )


def _remedy(prefix: str) -> str:
    run = prefix.rpartition("/")[2]
    return f"classify its pictures again: scones classify --resume {run}"


def _records(bucket: str, files: list[Any]) -> Iterator[Any]:
    for file in files:
        found = s3.get_object(Bucket=bucket, Key=events.object_key(file, "Key"))
        yield from map(json_limits.parse, found["Body"].iter_lines())


def _message(cause: str) -> str:
    """Return the message that a failed function left in its Cause, or else the Cause."""
    found = ERROR_MESSAGE.search(cause)
    if found is None:
        return cause
    try:
        message: str = json.loads(f'"{found[1]}"', strict=False)
    except ValueError:  # cut off within an escape
        return found[1]
    return sendable(message)


def _chunks(batches: list[Batch], results: ResultSummary) -> Iterator[bytes]:
    """Yield the lines of each batch, and add them to the results, in the order of the pictures."""
    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(batches), THREADS):  # no more than these in memory
            for lines in pool.map(_lines, batches[start : start + THREADS]):
                for line in lines:
                    if line["index"] != (count := results.counts.total()):
                        raise ResultsIncomplete(
                            f"the line after {count} pictures is that of picture {line['index']}"
                        )
                    results.add(line)
                yield bulk_parts.json_lines(line for line in lines if line["status"] != FOLDER)


def _lines(batch: Batch) -> list[Line]:
    bucket = environment.results_bucket
    lines = bulk_parts.read_part(s3, bucket, batch.part, batch.items or None)
    if not lines and not batch.items:
        raise ResultsIncomplete(
            f"s3://{bucket}/{batch.part} is gone or damaged; "
            f"{_remedy(batch.part.partition('/parts/')[0])}"
        )
    by_index = {line["index"]: line for line in lines}
    for item in batch.items:
        fault = {"status": "failed", "error": batch.error, "reason": batch.cause}
        by_index.setdefault(item["index"], {**bulk_parts.line_of(item), **fault})
    return [by_index[index] for index in sorted(by_index)]
