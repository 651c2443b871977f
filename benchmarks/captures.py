"""How fast captures are read, and how much memory that takes.

Writes synthetic captures as the local endpoint does, but 1,000 records a file. Each has a PNG of
32 x 32 random pixels, as large as a captured one (about 3 KB, 4.5 KB a record); 100 different
pictures take turns. Each measurement has its own process.
"""

import io
import json
import random
import re
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

from PIL import Image
from rich.progress import track

from analysis.records import collect
from benchmarks.results_table import Row, Section
from localcloud.sagemaker.capture import CaptureConfig, Invocation, Payload

RECORDS = (10_000,)
RECORDS_A_FILE = 1_000
PICTURES = 100
START = datetime(2024, 10, 15, tzinfo=UTC)
CONFIG = CaptureConfig(
    {
        "InitialSamplingPercentage": 100,
        "CaptureOptions": [{"CaptureMode": "InputAndOutput"}],
        "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"]},
        "DestinationS3Uri": "s3://bucket",
    }
)


@dataclass(frozen=True)
class Measured:
    """One process that read captures."""

    records: int
    cpu_seconds: float
    peak_bytes: int
    """Largest resident set, with Python and its libraries; 0 on systems without /proc."""


def run(records: Sequence[int]) -> Section:
    """Measure each number of records, without and with decoding the pictures."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        idle_bytes = measure(Path(folder), fingerprints=False).peak_bytes
    for count in records:
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), count)
            for fingerprints, what in ((False, "read"), (True, "read, pictures decoded")):
                measured = measure(Path(folder), fingerprints=fingerprints)
                rows += _rows(f"{count:,} records {what}", measured, idle_bytes)
    return Section(
        "Captures",
        rows,
        [
            "Captures are read into a data frame; pictures are decoded to find their ground truth. "
            f"Memory is beyond the {idle_bytes / 1e6:.0f} MB of a process that reads nothing."
        ],
    )


def _rows(name: str, measured: Measured, idle_bytes: int) -> list[Row]:
    speed = measured.records / measured.cpu_seconds
    megabytes = [(measured.peak_bytes - idle_bytes) / 1e6] if idle_bytes else []
    return [
        Row(measure=name, unit="records/CPU s", ours=[speed], better="more"),
        Row(measure=f"{name}: peak memory", unit="MB", ours=megabytes),
    ]


def write(folder: Path, count: int) -> None:
    """Write `count` records below `folder`, one a second, as an endpoint does."""
    generator = random.Random(0)
    pictures = [_picture(generator) for _ in range(PICTURES)]
    for first in track(range(0, count, RECORDS_A_FILE), f"Writing {count:,} records"):
        invocations = [
            Invocation(
                variant="AllTraffic",
                request=Payload(content_type="image/png", body=pictures[number % PICTURES]),
                response=Payload(
                    content_type="application/json",
                    body=json.dumps([best := generator.random(), 1 - best]).encode(),
                ),
                time=START + timedelta(seconds=number),
            )
            for number in range(first, min(first + RECORDS_A_FILE, count))
        ]
        file = folder / CONFIG.key("scones", invocations[0])
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"{json.dumps(CONFIG.record(each))}\n" for each in invocations))


def _picture(generator: random.Random) -> bytes:
    buffer = io.BytesIO()
    Image.frombytes("RGB", (32, 32), generator.randbytes(32 * 32 * 3)).save(buffer, "PNG")
    return buffer.getvalue()


def measure(folder: Path, *, fingerprints: bool) -> Measured:
    """Read the captures below `folder` in a new process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_measure_here, folder, fingerprints).result()


def _measure_here(folder: Path, fingerprints: bool) -> Measured:
    start = time.process_time()
    records = collect(str(folder), fingerprints=fingerprints)
    seconds = time.process_time() - start
    # Not getrusage: its maximum includes the memory of the parent process before exec.
    status = Path("/proc/self/status")
    found = re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(), re.M) if status.exists() else None
    return Measured(len(records.frame), seconds, 1024 * int(found[1]) if found else 0)
