"""`python -m benchmarks.captures`: how fast captures are read, and how much memory that takes.

Writes synthetic captures in the shape of real ones to a temporary folder, 1,000 records a file:
PNG pictures of 32 x 32 random pixels, which are as large as a captured one (about 3 KB, 4.5 KB a
record), each record with an event id and a time of its own. 100 different pictures take turns.
Each number of records is collected in a process of its own; its peak memory is given less that
of a process that has imported the same and read nothing.
"""

import argparse
import base64
import gzip
import io
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.synth import PROJECT
from monitoring.records import collect

RECORDS = (1_000, 10_000, 100_000)
RECORDS_A_FILE = 1_000
PICTURES = 100
START = datetime(2024, 10, 15, tzinfo=UTC)
KIB = 1024


class ReadingFailedError(RuntimeError):
    """A measured process failed; the message holds what it wrote to stderr."""


@dataclass(frozen=True)
class Measured:
    """One process that collected captures."""

    records: int
    seconds: float
    cpu_seconds: float
    peak_bytes: int
    """Largest resident set, with Python and its libraries."""


def picture(generator: random.Random) -> str:
    """A PNG of noise in BASE64."""
    buffer = io.BytesIO()
    Image.frombytes("RGB", (32, 32), generator.randbytes(32 * 32 * 3)).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def lines(count: int) -> Iterator[str]:
    """Capture records as a SageMaker endpoint writes them."""
    generator = random.Random(0)
    pictures = [picture(generator) for _ in range(PICTURES)]
    for number in range(count):
        best = generator.random()
        record = {
            "captureData": {
                "endpointInput": {
                    "observedContentType": "image/png",
                    "mode": "INPUT",
                    "data": pictures[number % PICTURES],
                    "encoding": "BASE64",
                },
                "endpointOutput": {
                    "observedContentType": "application/json",
                    "mode": "OUTPUT",
                    "data": json.dumps([best, 1 - best]),
                    "encoding": "JSON",
                },
            },
            "eventMetadata": {
                "eventId": str(uuid.UUID(int=generator.getrandbits(128))),
                "inferenceTime": f"{START + timedelta(seconds=number):%Y-%m-%dT%H:%M:%SZ}",
            },
            "eventVersion": "0",
        }
        yield json.dumps(record) + "\n"


def write(folder: Path, count: int, *, zipped: bool) -> None:
    """Write `count` records below `folder`, in SageMaker's layout of hours."""
    source = lines(count)
    for first in track(range(0, count, RECORDS_A_FILE), f"Writing {count:,} records"):
        here = START + timedelta(seconds=first)
        file = folder / "scones/AllTraffic" / f"{here:%Y/%m/%d/%H}/{first:09}.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(next(source) for _ in range(min(RECORDS_A_FILE, count - first))).encode()
        file.write_bytes(gzip.compress(text, compresslevel=1) if zipped else text)


def measure(folder: Path, *, fingerprints: bool) -> Measured:
    """Collect the captures below `folder` in a process of its own.

    Raises:
        ReadingFailedError: the process ended with an error.
    """
    command = [sys.executable, "-m", "benchmarks.captures", "--measure", str(folder)]
    done = subprocess.run(
        [*command, *(["--fingerprints"] if fingerprints else [])],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ReadingFailedError(f"exit code {done.returncode}:\n{done.stderr.strip()}")
    return Measured(**json.loads(done.stdout))


def measure_here(folder: str, *, fingerprints: bool) -> Measured:
    """Collect the captures below `folder` in this process."""
    start, cpu_start = time.perf_counter(), time.process_time()
    records = collect(folder, fingerprints=fingerprints)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux gives kilobytes, macOS bytes.
    factor = 1 if sys.platform == "darwin" else KIB
    return Measured(len(records.frame), seconds, cpu_seconds, peak * factor)


def table(empty: Measured, measured: Sequence[Measured]) -> Table:
    """One row for each number of records."""
    result = Table(title="Captures to a data frame and samples of pictures")
    for heading in (
        "records",
        "seconds",
        "records/s",
        "records/CPU s",
        "peak MB",
        "bytes a record",
    ):
        result.add_column(heading, justify="right")
    for each in measured:
        peak = each.peak_bytes - empty.peak_bytes
        result.add_row(
            f"{each.records:,}",
            f"{each.seconds:.1f}",
            f"{each.records / each.seconds:,.0f}",
            f"{each.records / each.cpu_seconds:,.0f}",
            f"{peak / 1e6:.1f}",
            f"{peak / each.records:,.0f}",
        )
    return result


def main() -> None:
    """Write, measure and print; the exit code does not judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.captures", description=__doc__)
    parser.add_argument(
        "--records", type=int, nargs="+", default=RECORDS, help="default: 1000 10000 100000"
    )
    parser.add_argument("--gzip", action="store_true", help="gzip the files: 3/4 of the disk")
    parser.add_argument(
        "--fingerprints", action="store_true", help="decode each picture, as for ground truth"
    )
    parser.add_argument("--measure", metavar="FOLDER", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(vars(measure_here(options.measure, fingerprints=options.fingerprints))))
        return
    if min(options.records) < 1:
        parser.error(f"--records {min(options.records)}: expected 1 or more")
    measured = []
    with tempfile.TemporaryDirectory() as empty_folder:
        empty = measure(Path(empty_folder), fingerprints=options.fingerprints)
    for count in options.records:
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), count, zipped=options.gzip)
            measured.append(measure(Path(folder), fingerprints=options.fingerprints))
    console = Console()
    console.print(table(empty, measured))
    console.print(f"beyond {empty.peak_bytes / 1e6:.0f} MB of a process that read nothing")


if __name__ == "__main__":
    main()
