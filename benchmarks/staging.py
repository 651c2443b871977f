"""Measure staging: pictures per second from arrays in memory to objects in S3.

Ours selects, checks, encodes and lists the pictures (`training.dataset`) and uploads them
(`operations.staging`). The comparator does what notebooks usually do: `matplotlib.pyplot.imsave`
into a folder for each row, then `upload_file` for each file. Both start in turns from the same
arrays and an empty bucket.
"""

import tempfile
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from rich.console import Console
from rich.progress import track

from benchmarks.results_table import Row, Section
from operations.aws import session
from operations.datasets import WORKERS, upload
from training import dataset
from training.cifar.cifar100 import CHANNELS, SIDE
from training.source import CifarSource

Stage = Callable[[CifarSource, Sequence[str], str], int]
"""Stages the pictures of the classes into a bucket, and returns their number."""


def stage(source: CifarSource, classes: Sequence[str], bucket: str) -> int:
    """Stage as the application does."""
    selected = dataset.build(source, classes)
    upload(selected, bucket, console=Console(file=StringIO()))
    return sum(len(pictures) for pictures in selected.splits.values())


def stage_as_notebooks_do(source: CifarSource, classes: Sequence[str], bucket: str) -> int:
    """Stage without checks, one file after the other."""
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


CONTENDERS: Mapping[str, Stage] = {"ours": stage, "comparator": stage_as_notebooks_do}


def measure(
    s3: Any,
    source: CifarSource,
    classes: Sequence[str],
    *,
    repeats: int,
    contenders: Mapping[str, Stage] = CONTENDERS,
) -> dict[str, list[float]]:
    """Return each contender's pictures per second, in turns; a first round is discarded."""
    speeds: dict[str, list[float]] = {name: [] for name in contenders}
    for round_ in track(range(repeats + 1), "Staging"):
        for name, contender in contenders.items():
            bucket = f"benchmark-{uuid.uuid4()}"
            s3.create_bucket(Bucket=bucket)
            start = time.perf_counter()
            pictures = contender(source, classes, bucket)
            if round_:
                speeds[name].append(pictures / (time.perf_counter() - start))
            remove(s3, bucket)
    return speeds


def remove(s3: Any, bucket: str) -> None:
    """Delete a bucket with its objects."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        keys = [{"Key": item["Key"]} for item in page.get("Contents", [])]
        if keys:
            s3.delete_objects(Bucket=bucket, Delete={"Objects": keys})
    s3.delete_bucket(Bucket=bucket)


def run(source: CifarSource, classes: Sequence[str], *, repeats: int) -> Section:
    """Measure both contenders."""
    speeds = measure(session().client("s3"), source, classes, repeats=repeats)
    row = Row(
        measure="staging, upload included",
        unit="pictures/s",
        ours=speeds["ours"],
        comparator=speeds["comparator"],
        better="more",
    )
    return Section(
        "Staging",
        [row],
        [
            "Staging starts with the archive's arrays in memory. Ours also checks every row, "
            f"writes the `.lst` files and the manifest, and uploads {WORKERS} files at a "
            "time; the comparator calls `matplotlib.pyplot.imsave` for each row, then boto3's "
            "`upload_file` for each file."
        ],
    )
