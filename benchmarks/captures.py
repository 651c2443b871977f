"""Measure how fast captures are read, and how much memory that takes.

The captures are written as the local endpoint does, but 1,000 records a file: each has one of 100
random PNGs of 32 x 32 pixels, as large as a captured picture. Each measurement has its own process.
"""

import io
import json
import random
import re
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

from PIL import Image

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


def run(records: Sequence[int]) -> Section:
    """Read each number of records, without and with decoding the pictures."""
    rows = []
    with tempfile.TemporaryDirectory() as empty:
        _, idle_bytes = measure(Path(empty), decode=False)
    for count in records:
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), count)
            for decode, how in ((False, "read"), (True, "read, pictures decoded")):
                seconds, peak_bytes = measure(Path(folder), decode=decode)
                name, speed = f"{count:,} records {how}", [count / seconds]
                memory = [(peak_bytes - idle_bytes) / 1e6] if idle_bytes else []
                rows.append(Row(measure=name, unit="records/CPU s", ours=speed, better="more"))
                rows.append(Row(measure=f"{name}: peak memory", unit="MB", ours=memory))
    remark = (
        "Captures are read into a data frame; pictures are decoded to find their ground truth. "
        f"Memory is beyond the {idle_bytes / 1e6:.0f} MB of a process that reads nothing."
    )
    return Section("Captures", rows, [remark])


def write(folder: Path, count: int) -> None:
    """Write `count` records below `folder`, one a second."""
    generator = random.Random(0)
    pictures = [_picture(generator) for _ in range(PICTURES)]
    for first in range(0, count, RECORDS_A_FILE):
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


def measure(folder: Path, *, decode: bool) -> tuple[float, int]:
    """Return CPU seconds and peak bytes (0 without /proc) of a process that reads the captures."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_measure_here, folder, decode).result()


def _measure_here(folder: Path, decode: bool) -> tuple[float, int]:
    start = time.process_time()
    collect(str(folder), fingerprints=decode)
    seconds = time.process_time() - start
    # Not getrusage: its maximum includes the memory of the parent process before exec.
    status = Path("/proc/self/status")
    found = re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(), re.M) if status.exists() else None
    return seconds, 1024 * int(found[1]) if found else 0
