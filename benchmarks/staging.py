"""Staging: pictures a second from rows in memory to objects in S3, the upload included.

Ours: what `python -m training.stage` does after it has read the archive: select, check, encode and
list (`training.dataset`), then upload (`training.upload`). The comparator is the usual notebook:
`matplotlib.pyplot.imsave` into a folder for each row, then `upload_file` for each file. Both get
the same arrays and an empty bucket of the same S3, in turns.
"""

import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from rich.console import Console
from rich.progress import track

from account import session
from benchmarks.cloud import Cloud
from benchmarks.machine import processor_seconds
from benchmarks.rows import Findings, Row
from training import dataset, upload
from training.cifar100 import CHANNELS, SIDE
from training.source import Source

AIM = 3.0
OURS, THEIRS = "ours", "comparator"

Stage = Callable[[Source, Sequence[str], str], int]
"""Brings the classes' pictures into a bucket; gives their number."""


def stage(source: Source, classes: Sequence[str], bucket: str) -> int:
    """Our way."""
    selected = dataset.build(source, classes)
    upload.upload(selected, bucket, console=Console(file=StringIO()))
    return sum(len(pictures) for pictures in selected.splits.values())


def stage_as_notebooks_do(source: Source, classes: Sequence[str], bucket: str) -> int:
    """The usual way: nothing is checked, and files are written and uploaded one by one."""
    s3 = session().client("s3")
    pictures = source.pictures
    labels = {pictures.class_names.index(name) for name in classes}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for split, rows in (("train", pictures.train), ("test", pictures.test)):
            (folder / split).mkdir()
            for row, label, file_name in zip(rows.rows, rows.labels, rows.file_names, strict=True):
                if label in labels:
                    picture = np.dstack(row.reshape(CHANNELS, SIDE, SIDE))
                    plt.imsave(folder / split / file_name, picture)
        files = sorted(folder.rglob("*.png"))
        for file in files:
            s3.upload_file(str(file), bucket, file.relative_to(folder).as_posix())
    return len(files)


WAYS: Mapping[str, Stage] = {OURS: stage, THEIRS: stage_as_notebooks_do}


@dataclass(frozen=True)
class Measured:
    """What each round of one way took."""

    speeds: list[float] = field(default_factory=list)
    """Pictures a second."""
    client: list[float] = field(default_factory=list)
    """Processor time of this process, in milliseconds a picture."""
    cloud: list[float] = field(default_factory=list)
    """Processor time of the local cloud, in milliseconds a picture."""


def measure(
    s3: Any,
    source: Source,
    classes: Sequence[str],
    *,
    repeats: int,
    group: int,
    ways: Mapping[str, Stage] = WAYS,
) -> dict[str, Measured]:
    """Each way, in turns; a first round warms up and is not kept.

    `group` is the process group that is the local cloud.
    """
    measured = {name: Measured() for name in ways}
    for round_ in track(range(repeats + 1), "Staging"):
        for name, way in ways.items():
            bucket = f"benchmark-{uuid.uuid4()}"
            s3.create_bucket(Bucket=bucket)
            start = _clocks(group)
            pictures = way(source, classes, bucket)
            seconds, client, cloud = np.subtract(_clocks(group), start).tolist()
            if round_:
                measured[name].speeds.append(pictures / seconds)
                measured[name].client.append(1000 * client / pictures)
                measured[name].cloud.append(1000 * cloud / pictures)
            _remove(s3, bucket)
    return measured


def _clocks(group: int) -> tuple[float, float, float]:
    """Seconds of the wall, of this process and of that group's leader."""
    return time.perf_counter(), time.process_time(), processor_seconds(group)[0]


def _remove(s3: Any, bucket: str) -> None:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        keys = [{"Key": item["Key"]} for item in page.get("Contents", [])]
        if keys:
            s3.delete_objects(Bucket=bucket, Delete={"Objects": keys})
    s3.delete_bucket(Bucket=bucket)


def run(cloud: Cloud, source: Source, *, repeats: int) -> Findings:
    """Measure, with the classes of the cloud's settings."""
    classes = cloud.settings.dataset.classes
    measured = measure(
        cloud.local.client("s3"), source, classes, repeats=repeats, group=cloud.local.pid() or 0
    )
    ours, theirs = measured[OURS], measured[THEIRS]
    return Findings(
        "Staging",
        list(_rows(ours, theirs)),
        [
            "Staging starts with the archive's arrays in memory. Ours also checks every row, "
            "writes the `.lst` files and the manifest, and uploads "
            f"{upload.WORKERS} at a time; the comparator is `matplotlib.pyplot.imsave` for each "
            "row, then boto3's `upload_file` for each file.",
            "Python's lock lets the client use one core, so with so much processor time a picture "
            f"ours is at most {1000 / statistics.median(ours.client):.0f} pictures a second on "
            "this machine, however many are on their way at a time; nearly all of it is "
            "botocore's, for its request.",
        ],
    )


def _rows(ours: Measured, theirs: Measured) -> Iterator[Row]:
    yield Row(
        what="staging, upload included",
        unit="pictures/s",
        ours=ours.speeds,
        theirs=theirs.speeds,
        better="more",
        aim=AIM,
    )
    unit = "ms/picture"
    yield Row(
        what="processor time of the client", unit=unit, ours=ours.client, theirs=theirs.client
    )
    yield Row(
        what="processor time of the local cloud", unit=unit, ours=ours.cloud, theirs=theirs.cloud
    )
