"""More and more pictures through the inline, the bulk and the batch path.

The inline path needs several executions, one after the other; the other two take a manifest.
Memory is that of all processes of the local cloud.
"""

import json
import os
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from botocore.config import Config
from rich.progress import track

from benchmarks.cloud import POLL_SECONDS, Cloud, ExecutionFailedError, execute
from benchmarks.contenders import portions
from benchmarks.results_table import Row, Section
from operations.aws import session
from settings.s3_uris import S3Uri
from stacks.constructs.common.picture_results import MAX_IMAGES

PICTURES = (100, 1_000)
UPLOADS_AT_ONCE = 16
SAMPLE_SECONDS = 0.5

Classify = Callable[[Sequence[str]], object]
"""Classifies the pictures with these keys, and returns when all are classified."""


@dataclass
class Measured:
    """Seconds and peak memory of one path, by number of pictures."""

    seconds: dict[int, float] = field(default_factory=dict)
    peak_bytes: dict[int, int] = field(default_factory=dict)


def run(cloud: Cloud, *, pictures: Sequence[int]) -> Section:
    """Measure each path with each number of pictures once."""
    bucket = cloud.outputs("Storage")["DataBucketName"]
    keys = _upload(cloud, bucket, max(pictures))
    measured = measure(_paths(cloud, bucket), keys, pictures, group=cloud.local.pid() or 0)
    return Section(
        "Growth",
        list(rows(measured)),
        [
            f"The inline path takes {MAX_IMAGES} pictures an execution. Each path first classifies "
            "the smallest number once, which is discarded, and then each number once. Memory is "
            "the proportional set size, and includes the idle workers of the other paths."
        ],
    )


def measure(
    paths: Mapping[str, Classify], keys: Sequence[str], pictures: Sequence[int], *, group: int
) -> dict[str, Measured]:
    """Run the paths in turns, from few to many pictures, after a first run of each."""
    measured = {name: Measured() for name in paths}
    for classify in paths.values():
        classify(keys[: min(pictures)])
    turns = [(count, name) for count in sorted(pictures) for name in paths]
    for count, name in track(turns, "Growth"):
        with peak_memory(group) as peaks:
            start = time.perf_counter()
            paths[name](keys[:count])
            measured[name].seconds[count] = time.perf_counter() - start
        measured[name].peak_bytes[count] = max(peaks)
    return measured


def _paths(cloud: Cloud, bucket: str) -> dict[str, Classify]:
    outputs = cloud.outputs("Batch")

    def inline(keys: Sequence[str]) -> None:
        images = [{"s3_bucket": bucket, "s3_key": key} for key in keys]
        for count in portions(len(images), at_most=MAX_IMAGES):
            execute(cloud.state_machine, {"images": images[:count]})
            images = images[count:]

    def bulk(keys: Sequence[str]) -> None:
        manifest = f"benchmark/{uuid.uuid4()}.jsonl"
        _put(bucket, manifest, "".join(json.dumps({"key": key}) + "\n" for key in keys))
        execute(outputs["BulkStateMachineArn"], {"manifest": f"s3://{bucket}/{manifest}"})

    def batch(keys: Sequence[str]) -> None:
        manifest = json.dumps([{"prefix": f"s3://{bucket}/"}, *keys])
        folder = S3Uri.parse(outputs["BatchInputUri"])
        state_machine = outputs["BatchTransformStateMachineArn"]
        before = _ended(state_machine)
        _put(folder.bucket, f"{folder.key.rstrip('/')}/{uuid.uuid4()}.json", manifest)
        while not (ended := _ended(state_machine) - before):
            time.sleep(POLL_SECONDS)
        for arn, status in ended:
            if status != "SUCCEEDED":
                raise ExecutionFailedError(f"{arn}, which the manifest started, is {status}")

    return {"inline": inline, "bulk": bulk, "batch": batch}


def _ended(state_machine: str) -> set[tuple[str, str]]:
    """Return ARN and status of every execution that has ended."""
    paginator = session().client("stepfunctions").get_paginator("list_executions")
    return {
        (execution["executionArn"], execution["status"])
        for page in paginator.paginate(stateMachineArn=state_machine)
        for execution in page["executions"]
        if execution["status"] != "RUNNING"
    }


def _upload(cloud: Cloud, bucket: str, count: int) -> list[str]:
    """Upload so many pictures, copies of the validation pictures, and return their keys."""
    s3 = session().client("s3", config=Config(max_pool_connections=UPLOADS_AT_ONCE))
    keys = [f"benchmark/pictures/{number:07}.png" for number in range(count)]

    def copy(key: str, image: dict[str, str]) -> None:
        s3.copy_object(
            Bucket=bucket, Key=key, CopySource={"Bucket": bucket, "Key": image["s3_key"]}
        )

    with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
        for _ in track(pool.map(copy, keys, cloud.images(count)), "Uploading", total=count):
            pass
    return keys


def _put(bucket: str, key: str, text: str) -> None:
    session().client("s3").put_object(Bucket=bucket, Key=key, Body=text.encode())


@contextmanager
def peak_memory(group: int) -> Iterator[list[int]]:
    """Collect samples of a process group's memory during the block."""
    samples, done = [group_bytes(group)], threading.Event()

    def watch() -> None:
        while not done.wait(SAMPLE_SECONDS):
            samples.append(group_bytes(group))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield samples
    finally:
        done.set()
        thread.join()


def group_bytes(group: int, proc: Path = Path("/proc")) -> int:
    """Return the proportional set size of a process group; 0 on systems without /proc."""
    total = 0
    for process in proc.glob("[0-9]*"):
        try:
            if os.getpgid(int(process.name)) == group:
                rollup = (process / "smaps_rollup").read_text()
                total += sum(int(size) for size in re.findall(r"^Pss:\s+(\d+) kB", rollup, re.M))
        except (FileNotFoundError, ProcessLookupError):  # it has just ended
            continue
    return 1024 * total


def rows(measured: Mapping[str, Measured]) -> Iterator[Row]:
    """Yield speed and memory of each path at each number of pictures."""
    for name, path in measured.items():
        for count, seconds in path.seconds.items():
            measure = f"{name}, {count:,} pictures"
            yield Row(measure=measure, unit="pictures/s", ours=[count / seconds], better="more")
            yield Row(
                measure=f"{measure}: peak memory of the local cloud",
                unit="MB",
                ours=[path.peak_bytes[count] / 1e6] if path.peak_bytes[count] else [],
            )
