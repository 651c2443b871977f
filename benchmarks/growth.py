"""Send more and more pictures through the inline, bulk and batch paths.

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

from benchmarks.cloud import Cloud, run_execution, seconds_of
from benchmarks.contenders import portions
from benchmarks.results_table import Row, Section
from localcloud.demo.workflow import POLL_SECONDS, ended_transform, put_manifest
from operations.aws import ExecutionFailedError, failure_of, session, stack_outputs
from stacks.constructs.common.picture_results import MAX_IMAGES

PICTURES = (100, 1_000)
UPLOADS_AT_ONCE = 16
SAMPLE_SECONDS = 0.5

Classify = Callable[[Sequence[str]], float]
"""Classifies the pictures with these keys and returns the seconds of its executions."""


@dataclass
class Measured:
    """Seconds and peak memory of one path, by number of pictures."""

    seconds: dict[int, float] = field(default_factory=dict)
    peak_bytes: dict[int, int] = field(default_factory=dict)


def run(cloud: Cloud, *, pictures: Sequence[int]) -> Section:
    """Measure each path with each number of pictures once."""
    keys = _upload(cloud, max(pictures))
    measured = measure(_paths(cloud), keys, pictures, group=cloud.local.pid() or 0)
    return Section(
        "Growth",
        list(rows(measured)),
        [
            f"The inline path takes {MAX_IMAGES} pictures per execution. Each path first "
            "classifies the smallest number once, which is discarded, and then each number once. "
            "Seconds are those of the executions; memory is the proportional set size, with idle "
            "workers of the other paths."
        ],
    )


def measure(
    paths: Mapping[str, Classify], keys: Sequence[str], pictures: Sequence[int], *, group: int
) -> dict[str, Measured]:
    """Run the paths in turns, from few to many pictures; a first run of each is discarded."""
    measured = {name: Measured() for name in paths}
    for classify in paths.values():
        classify(keys[: min(pictures)])
    turns = [(count, name) for count in sorted(pictures) for name in paths]
    for count, name in track(turns, "Growth"):
        with peak_memory(group) as peaks:
            measured[name].seconds[count] = paths[name](keys[:count])
        measured[name].peak_bytes[count] = max(peaks)
    return measured


def _paths(cloud: Cloud) -> dict[str, Classify]:
    bucket, outputs = cloud.data_bucket, stack_outputs(cloud.application.settings, "Batch")

    def inline(keys: Sequence[str]) -> float:
        images = [{"s3_bucket": bucket, "s3_key": key} for key in keys]
        seconds = 0.0
        for count in portions(len(images), at_most=MAX_IMAGES):
            seconds += run_execution(cloud.state_machine, {"images": images[:count]}).seconds
            images = images[count:]
        return seconds

    def bulk(keys: Sequence[str]) -> float:
        manifest = f"benchmark/{uuid.uuid4()}.jsonl"
        body = "".join(json.dumps({"key": key}) + "\n" for key in keys).encode()
        session().client("s3").put_object(Bucket=bucket, Key=manifest, Body=body)
        event = {"manifest": f"s3://{bucket}/{manifest}"}
        return run_execution(outputs["BulkStateMachineArn"], event).seconds

    def batch(keys: Sequence[str]) -> float:
        manifest = put_manifest(cloud.application, str(uuid.uuid4()), keys)
        state_machine = outputs["BatchTransformStateMachineArn"]
        while (ended := ended_transform(state_machine, manifest)) is None:
            time.sleep(POLL_SECONDS)
        if ended["status"] != "SUCCEEDED":
            raise ExecutionFailedError(failure_of(ended))
        return seconds_of(ended)

    return {"inline": inline, "bulk": bulk, "batch": batch}


def _upload(cloud: Cloud, count: int) -> list[str]:
    """Upload `count` copies of the validation pictures and return their keys."""
    s3 = session().client("s3", config=Config(max_pool_connections=UPLOADS_AT_ONCE))
    keys = [f"benchmark/pictures/{number:07}.png" for number in range(count)]

    def copy(key: str, image: dict[str, str]) -> None:
        source = f"{image['s3_bucket']}/{image['s3_key']}"
        s3.copy_object(Bucket=cloud.data_bucket, Key=key, CopySource=source)

    with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
        for _ in track(pool.map(copy, keys, cloud.images(count)), "Uploading", total=count):
            pass
    return keys


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
