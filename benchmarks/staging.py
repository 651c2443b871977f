"""Staging: pictures a second from rows in memory to objects in S3, the upload included.

Ours: what `python -m training.stage` does after it has read the archive: select, check, encode and
list (`training.dataset`), then upload (`training.upload`). The comparator is the usual notebook:
`matplotlib.pyplot.imsave` into a folder for each row, then `upload_file` for each file. Both get
the same arrays and an empty bucket of the same S3, in turns.
"""

import tempfile
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import boto3
import numpy as np
from matplotlib import pyplot as plt
from rich.console import Console
from rich.progress import track

from benchmarks.cloud import Cloud
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
    s3 = boto3.client("s3")
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


def measure(
    s3: Any,
    source: Source,
    classes: Sequence[str],
    *,
    repeats: int,
    ways: Mapping[str, Stage] = WAYS,
) -> dict[str, list[float]]:
    """Pictures a second of each way, in turns; a first round warms up and is not kept."""
    speeds: dict[str, list[float]] = {name: [] for name in ways}
    for round_ in track(range(repeats + 1), "Staging"):
        for name, way in ways.items():
            bucket = f"benchmark-{uuid.uuid4()}"
            s3.create_bucket(Bucket=bucket)
            start = time.perf_counter()
            pictures = way(source, classes, bucket)
            if round_:
                speeds[name].append(pictures / (time.perf_counter() - start))
            _remove(s3, bucket)
    return speeds


def _remove(s3: Any, bucket: str) -> None:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        keys = [{"Key": item["Key"]} for item in page.get("Contents", [])]
        if keys:
            s3.delete_objects(Bucket=bucket, Delete={"Objects": keys})
    s3.delete_bucket(Bucket=bucket)


def run(cloud: Cloud, source: Source, *, repeats: int) -> Findings:
    """Measure, with the classes of the cloud's settings."""
    classes = cloud.settings.dataset.classes
    speeds = measure(cloud.local.client("s3"), source, classes, repeats=repeats)
    row = Row(
        what="staging, upload included",
        unit="pictures/s",
        ours=speeds[OURS],
        theirs=speeds[THEIRS],
        better="more",
        aim=AIM,
    )
    return Findings(
        "Staging",
        [row],
        [
            "Staging starts with the archive's arrays in memory. Ours also checks every row, "
            "writes the `.lst` files and the manifest, and uploads "
            f"{upload.WORKERS} at a time; the comparator is `matplotlib.pyplot.imsave` for each "
            "row, then boto3's `upload_file` for each file."
        ],
    )
