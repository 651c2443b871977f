"""Growth: more and more pictures through the inline, the bulk and the batch path.

Every picture is an object of its own in the data bucket. The inline path takes as many executions
as it needs, one after the other; the other two get a manifest. Memory is that of all processes of
the local cloud together: the emulator, the functions' workers, the model servers.
"""

import json
import math
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from botocore.config import Config
from rich.progress import track

from account import session
from benchmarks.cloud import POLL_SECONDS, Cloud, execute
from benchmarks.rows import Findings, Row
from benchmarks.ways import ExecutionFailedError, portions
from benchmarks.workflow import comparator_way
from settings.s3_uris import S3Uri
from stacks.constructs.workflow.picture_results import MAX_IMAGES

PICTURES = (100, 1_000)
UPLOADS_AT_ONCE = 16
LOOK_SECONDS = 0.25
INLINE, BULK, BATCH, COMPARATOR = "inline", "bulk", "batch", "comparator"
COMPARATOR_PICTURES = 1_000
"""No more through the comparator: 58 pictures an execution take too long."""

Classify = Callable[[Sequence[str]], object]
"""Classifies the pictures of these keys, and returns when that is done."""


@dataclass
class Memory:
    """Largest memory of a group of processes, as far as it was looked at."""

    peak_bytes: int = 0


@dataclass
class Measured:
    """What one path took, by number of pictures."""

    seconds: dict[int, float] = field(default_factory=dict)
    peak_bytes: dict[int, int] = field(default_factory=dict)


def run(cloud: Cloud, *, pictures: Sequence[int]) -> Findings:
    """Measure the paths that are deployed."""
    bucket = cloud.outputs("Storage")["DataBucketName"]
    keys = _upload(cloud, bucket, max(pictures))
    with comparator_way(cloud) as usual:
        paths = _paths(cloud, bucket) | {COMPARATOR: lambda keys: usual.run(len(keys))}
        measured = _measure(paths, keys, pictures, group=cloud.local.pid() or 0)
    return Findings("Growth", list(_rows(measured)), _remarks(measured))


def _measure(
    paths: Mapping[str, Classify], keys: Sequence[str], pictures: Sequence[int], *, group: int
) -> dict[str, Measured]:
    measured = {name: Measured() for name in paths}
    turns = [
        (count, name)
        for count in sorted(pictures)
        for name in paths
        if name != COMPARATOR or count <= COMPARATOR_PICTURES
    ]
    for path in paths.values():  # starts the workers; not kept
        path(keys[: min(pictures)])
    for count, name in track(turns, "Growth"):
        with peak_memory(group) as memory:
            start = time.perf_counter()
            paths[name](keys[:count])
            measured[name].seconds[count] = time.perf_counter() - start
        measured[name].peak_bytes[count] = memory.peak_bytes
    return measured


def _paths(cloud: Cloud, bucket: str) -> dict[str, Classify]:
    outputs = cloud.outputs("Batch")

    def inline(keys: Sequence[str]) -> None:
        images = [{"s3_bucket": bucket, "s3_key": key} for key in keys]
        for count in portions(len(images), at_most=MAX_IMAGES):
            _succeed(cloud.state_machine, {"images": images[:count]})
            images = images[count:]

    def bulk(keys: Sequence[str]) -> None:
        manifest = f"benchmark/{uuid.uuid4()}.jsonl"
        _put(bucket, manifest, "".join(json.dumps({"key": key}) + "\n" for key in keys))
        _succeed(outputs["BulkStateMachineArn"], {"manifest": f"s3://{bucket}/{manifest}"})

    def batch(keys: Sequence[str]) -> None:
        manifest = json.dumps([{"prefix": f"s3://{bucket}/"}, *keys])
        place = S3Uri.parse(outputs["BatchInputUri"])
        state_machine = outputs["BatchTransformStateMachineArn"]
        before = _ended(state_machine)
        _put(place.bucket, f"{place.key.rstrip('/')}/{uuid.uuid4()}.json", manifest)
        while not (ended := _ended(state_machine) - before):
            time.sleep(POLL_SECONDS)
        for arn, status in ended:
            if status != "SUCCEEDED":
                raise ExecutionFailedError(f"{arn}, which the manifest started, is {status}")

    return {INLINE: inline, BULK: bulk, BATCH: batch}


def _succeed(state_machine: str, event: object) -> None:
    execution = execute(state_machine, event)
    if execution.status != "SUCCEEDED":
        raise ExecutionFailedError(
            f"{execution.arn} is {execution.status}: {execution.error}: {execution.cause}"
        )


def _ended(state_machine: str) -> set[tuple[str, str]]:
    """ARN and status of every execution that does not run any more."""
    pages = (
        session()
        .client("stepfunctions")
        .get_paginator("list_executions")
        .paginate(stateMachineArn=state_machine)
    )
    return {
        (execution["executionArn"], execution["status"])
        for page in pages
        for execution in page["executions"]
        if execution["status"] != "RUNNING"
    }


def _upload(cloud: Cloud, bucket: str, count: int) -> list[str]:
    """Keys of so many pictures: the validation pictures, over and over."""
    s3 = session().client("s3", config=Config(max_pool_connections=UPLOADS_AT_ONCE))
    known: dict[str, bytes] = {}
    keys = [f"benchmark/pictures/{number:07}.png" for number in range(count)]

    def put(pair: tuple[str, dict[str, str]]) -> None:
        key, image = pair
        source = image["s3_key"]
        if source not in known:
            known[source] = s3.get_object(Bucket=bucket, Key=source)["Body"].read()
        s3.put_object(Bucket=bucket, Key=key, Body=known[source])

    pairs = list(zip(keys, cloud.images(count), strict=True))
    with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
        for _ in track(pool.map(put, pairs), "Uploading", total=count):
            pass
    return keys


def _put(bucket: str, key: str, text: str) -> None:
    session().client("s3").put_object(Bucket=bucket, Key=key, Body=text.encode())


@contextmanager
def peak_memory(group: int) -> Iterator[Memory]:
    """Looks, during the block, at the resident memory of all processes of a process group."""
    memory, done = Memory(), threading.Event()

    def watch() -> None:
        while not done.wait(LOOK_SECONDS):
            memory.peak_bytes = max(memory.peak_bytes, resident_bytes(group))

    memory.peak_bytes = resident_bytes(group)
    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield memory
    finally:
        done.set()
        thread.join()


def resident_bytes(group: int) -> int:
    """Memory of a process group at this moment; pages that processes share count in each."""
    listing = subprocess.run(
        ["ps", "-A", "-o", "pgid=,rss="], capture_output=True, text=True, check=True
    ).stdout
    rows = (line.split() for line in listing.splitlines())
    return sum(1024 * int(kilobytes) for pgid, kilobytes in rows if pgid == str(group))


def exponent(seconds: Mapping[int, float]) -> float:
    """How time grows between the two largest numbers of pictures: 1 is linear, less is better."""
    (fewer, short), (more, long) = sorted(seconds.items())[-2:]
    return math.log(long / short) / math.log(more / fewer)


def _rows(measured: Mapping[str, Measured]) -> Iterator[Row]:
    theirs = measured[COMPARATOR].seconds
    for name, path in measured.items():
        if name == COMPARATOR:
            continue
        for count, seconds in path.seconds.items():
            what = f"{name}, {count:,} pictures"
            yield Row(
                what=what,
                unit="pictures/s",
                ours=[count / seconds],
                theirs=[count / theirs[count]] if count in theirs else [],
                better="more",
            )
            yield Row(what=f"{what}: all", unit="s", ours=[seconds])
            yield Row(
                what=f"{what}: peak memory of the local cloud",
                unit="MB",
                ours=[path.peak_bytes[count] / 1e6],
            )


def _remarks(measured: Mapping[str, Measured]) -> list[str]:
    remarks = [
        f"The inline path takes {MAX_IMAGES} pictures an execution, one execution after the other; "
        "bulk and batch get a manifest. The comparator gets no more than "
        f"{COMPARATOR_PICTURES:,}. Each path first takes the smallest size once, which is "
        "not kept, and then each size once; memory includes the idle workers of the other paths."
    ]
    for name, path in measured.items():
        if name != COMPARATOR and len(path.seconds) > 1:
            fewer, more = sorted(path.seconds)[-2:]
            grown = exponent(path.seconds)
            remarks.append(
                f"From {fewer:,} to {more:,} pictures the time of {name} grows with the power of "
                f"{grown:.2f}: {'no faster' if grown <= 1 else 'faster'} than linearly."
            )
    return remarks
