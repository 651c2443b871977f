"""Measure the staging of JPEGs of many sizes: pictures per second and memory, until they are in S3.

Ours prepares, selects and uploads them (`operations.staging`). The comparator does what scripts
usually do with a folder of pictures: open, resize, save and upload one after the other. Each runs
in its own process group, started by `python -m benchmarks.folder CONTENDER COUNT BUCKET`.
"""

import io
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.progress import track

from benchmarks.growth import peak_memory
from benchmarks.results_table import Row, Section
from benchmarks.staging import remove
from operations.aws import session
from operations.datasets import upload
from training.dataset import compose
from training.pictures import SourcePicture
from training.selection import check, select
from training.source import prepare

PICTURES = (1_000,)
COMPARATOR_MOST = 10_000
"""The comparator does the same to each picture; the time of more would say nothing new."""

SIDE = 224
CLASSES = 4
SIZES = ((512, 384), (1024, 768), (1152, 1920), (1536, 1152), (2048, 1536), (2688, 1920))
BASES = 3
"""Drawn pictures of each size, of whose bands the others are put together."""
BANDS = 12
_BLOCK = 16  # pixels of a JPEG's blocks, if colours have half the resolution
_QUALITY = 85


class Synthetic:
    """A source of JPEGs that all differ; each is put together when it is read."""

    name = "folder"
    location = "synthetic"

    def __init__(self, count: int) -> None:
        """List so many pictures."""
        self._count = count
        rng = np.random.default_rng(1)
        self._bases = [[_base(rng, *size) for _ in range(BASES)] for size in SIZES]

    def pictures(self) -> Iterator[SourcePicture]:
        """List the pictures."""
        for number in range(self._count):
            label = f"class {number % CLASSES}"
            yield SourcePicture(f"{label}/{number:07}.jpg", label, version="1")

    def read(self, picture: SourcePicture) -> bytes:
        """Return a picture's file: each band is a random one of the bases of a random size."""
        choice = random.Random(picture.path)
        bases = choice.choice(self._bases)
        scan = bytearray(bases[0].header)
        for number in range(BANDS):
            scan += choice.choice(choice.choice(bases).bands)
            scan += bytes([0xFF, 0xD0 + number % 8])  # the restart markers are numbered anew
        return bytes(scan[:-2]) + b"\xff\xd9"


@dataclass(frozen=True)
class _Base:
    header: bytes
    """Everything before the pixels."""
    bands: Sequence[bytes]
    """Encoded independently of each other."""


def _base(rng: np.random.Generator, width: int, height: int) -> _Base:
    """Draw clouds of all sizes and grain, which compress about as well as photographs."""
    picture = np.full((height, width, 3), 128.0)
    for cells, strength in ((4, 50), (16, 30), (64, 15), (256, 10)):
        small = rng.normal(size=(max(2, cells * height // width), cells, 3)) * strength
        picture += _enlarged(small, width, height)
    picture += rng.normal(size=(height, width, 1)) * 6
    content = io.BytesIO()
    Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(
        content, "JPEG", quality=_QUALITY, restart_marker_rows=height // _BLOCK // BANDS
    )
    file = content.getvalue()
    start = file.index(b"\xff\xda")
    start += 2 + int.from_bytes(file[start + 2 : start + 4])
    return _Base(file[:start], re.split(rb"\xff[\xd0-\xd7]", file[start:-2], flags=re.DOTALL))


def _enlarged(small: NDArray[np.float64], width: int, height: int) -> NDArray[np.float64]:
    channels = [
        Image.fromarray(channel.astype(np.float32)).resize(
            (width, height), Image.Resampling.BILINEAR
        )
        for channel in np.moveaxis(small, 2, 0)
    ]
    return np.dstack([np.asarray(channel) for channel in channels])


def stage(source: Synthetic, bucket: str) -> int:
    """Stage as the application does; return the number of pictures."""
    console = Console(file=io.StringIO())
    selection = select(prepare(source, (), side=SIDE, console=console))
    check(selection, max_refused_percent=0)
    upload(compose(selection), bucket, console=console)
    return sum(map(len, selection.splits.values()))


def stage_as_usual(source: Synthetic, bucket: str) -> int:
    """Stage one picture after the other; return the number of pictures."""
    s3 = session().client("s3")
    pictures = list(source.pictures())
    with tempfile.TemporaryDirectory() as folder:
        for each in pictures:
            file = (Path(folder) / each.path).with_suffix(".png")
            file.parent.mkdir(exist_ok=True)
            with Image.open(io.BytesIO(source.read(each))) as picture:
                picture.convert("RGB").resize((SIDE, SIDE)).save(file)
            s3.upload_file(str(file), bucket, file.relative_to(folder).as_posix())
    return len(pictures)


CONTENDERS: Mapping[str, Callable[[Synthetic, str], int]] = {
    "ours": stage,
    "comparator": stage_as_usual,
}


@dataclass(frozen=True)
class Measured:
    """One contender's run."""

    pictures_per_second: float
    processor_ms: float
    """For each picture, of all its processes."""
    peak_bytes: int
    """Of all its processes; 0 if the system does not tell."""


def measure(contender: str, count: int) -> Measured:
    """Run a contender in an empty bucket with an empty cache."""
    s3, bucket = session().client("s3"), f"benchmark-{uuid.uuid4()}"
    s3.create_bucket(Bucket=bucket)
    with tempfile.TemporaryDirectory() as cache:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, contender, str(count), bucket],
            env={**os.environ, "XDG_CACHE_HOME": cache},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            assert process.stdout
            process.stdout.readline()  # it has drawn its pictures
            with peak_memory(process.pid) as samples:
                said, _ = process.communicate()
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    remove(s3, bucket)
    if process.returncode:
        raise RuntimeError(f"{contender} ended with exit code {process.returncode}")
    speed, processor_ms = map(float, said.split())
    return Measured(speed, processor_ms, max(samples))


def run(pictures: Sequence[int]) -> Section:
    """Measure both contenders with each number of pictures once."""
    turns = [
        (count, contender)
        for count in sorted(pictures)
        for contender in CONTENDERS
        if contender == "ours" or count <= COMPARATOR_MOST
    ]
    return section({turn: measure(turn[1], turn[0]) for turn in track(turns, "Folder")})


def section(measured: Mapping[tuple[int, str], Measured]) -> Section:
    """Return the results, by number of pictures and contender."""
    rows = []
    for count in dict.fromkeys(count for count, _ in measured):
        runs = [[found] if (found := measured.get((count, name))) else [] for name in CONTENDERS]
        speeds = [[each.pictures_per_second for each in found] for found in runs]
        times = [[each.processor_ms for each in found] for found in runs]
        peaks = [[each.peak_bytes / 1e6 for each in found if each.peak_bytes] for found in runs]
        name = f"{count:,} pictures"
        rows += [
            Row(
                measure=name,
                unit="pictures/s",
                ours=speeds[0],
                comparator=speeds[1],
                better="more",
            ),
            Row(
                measure=f"{name}: processor time",
                unit="ms/picture",
                ours=times[0],
                comparator=times[1],
            ),
            Row(measure=f"{name}: peak memory", unit="MB", ours=peaks[0], comparator=peaks[1]),
        ]
    return Section(
        "Folder of pictures",
        rows,
        [
            f"Own pictures are synthetic: JPEGs of {SIZES[0][0]}x{SIZES[0][1]} to "
            f"{SIZES[-1][0]}x{SIZES[-1][1]} pixels, 52 kB to 1.2 MB and 0.49 MB on average, each "
            f"put together of {BANDS} bands of a few drawn ones as it is read; no two are alike. "
            f"They become PNG files of {SIDE}x{SIDE} pixels. Ours also checks, hashes, compares, "
            "divides and caches them. The comparator opens, resizes, saves and uploads one after "
            f"the other, and stops at {COMPARATOR_MOST:,} pictures. Processor time and memory "
            "(proportional set size) are those of all processes of the contender, without those of "
            "the local cloud."
        ],
    )


def main(contender: str, count: str, bucket: str) -> None:
    """Run a contender; print a line before it begins, then its speed and processor time."""
    source = Synthetic(int(count))
    print("ready", flush=True)
    start, processor_start = time.perf_counter(), _processor_seconds()
    staged = CONTENDERS[contender](source, bucket)
    seconds, processor_seconds = (
        time.perf_counter() - start,
        _processor_seconds() - processor_start,
    )
    print(staged / seconds, 1000 * processor_seconds / staged)


def _processor_seconds() -> float:
    return sum(os.times()[:4])  # with processes that have ended


if __name__ == "__main__":
    main(*sys.argv[1:])
