"""`python -m benchmarks.synth`: the whole app's synthesis beside that of a one-bucket app.

Each run is a process of its own, as the CDK CLI starts it: with the context of cdk.json and an
empty output folder. The two apps take turns, so that what else the machine does hits both.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.machine import machine
from benchmarks.rows import Findings, Row

PROJECT = Path(__file__).resolve().parents[1]
ONE_BUCKET = "one bucket"
WHOLE_APP = "whole app"
APPS = {
    ONE_BUCKET: PROJECT / "benchmarks" / "one_bucket.py",
    WHOLE_APP: PROJECT / "app.py",
}
AIM = 2.0


class SynthesisFailedError(RuntimeError):
    """An app could not be synthesized; the message holds what it wrote to stderr."""


def environment() -> dict[str, str]:
    """Environment of every run: no credentials' account, and the Node.js beside this Python.

    Python keeps the bytecode of the project, as it does unless it is told otherwise; that of the
    packages is there since they were installed, for both apps.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    context = json.loads((PROJECT / "cdk.json").read_text(encoding="utf-8"))["context"]
    inherited = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("CDK_") and key != "PYTHONDONTWRITEBYTECODE"
    }
    return {**inherited, "PATH": path, "CDK_CONTEXT_JSON": json.dumps(context)}


def seconds_of(app: Path) -> float:
    """Wall seconds of one synthesis.

    Raises:
        SynthesisFailedError: the app ended with an error.
    """
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, str(app)],
            cwd=PROJECT,
            env={**environment(), "CDK_OUTDIR": folder},
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - start
    if done.returncode:
        raise SynthesisFailedError(f"{app}: exit code {done.returncode}:\n{done.stderr.strip()}")
    return seconds


def measure(
    repeats: int, run: Callable[[Path], float] = seconds_of, *, show_progress: bool = True
) -> dict[str, list[float]]:
    """Seconds of `repeats` runs of each app, in turns; a first round warms up and is not kept."""
    seconds: dict[str, list[float]] = {name: [] for name in APPS}
    for round_ in track(range(repeats + 1), "Synthesizing", disable=not show_progress):
        for name, app in APPS.items():
            measured = run(app)
            if round_:
                seconds[name].append(measured)
    return seconds


def ratio(seconds: Mapping[str, Sequence[float]]) -> float:
    """Median of the whole app over the median of the one-bucket app."""
    return statistics.median(seconds[WHOLE_APP]) / statistics.median(seconds[ONE_BUCKET])


def table(seconds: Mapping[str, Sequence[float]]) -> Table:
    """One row for each app, the whole app's with the ratio."""
    result = Table("app", title=f"Synthesis, wall seconds of {len(seconds[WHOLE_APP])} runs each")
    for heading in ("median", "fastest", "slowest", "ratio"):
        result.add_column(heading, justify="right")
    for name, values in seconds.items():
        figures = [statistics.median(values), min(values), max(values)]
        result.add_row(
            name,
            *(f"{figure:.2f}" for figure in figures),
            f"{ratio(seconds):.2f}" if name == WHOLE_APP else "1.00",
        )
    return result


def run(repeats: int) -> Findings:
    """Measure, as a part of all benchmarks."""
    seconds = measure(repeats)
    row = Row(
        what="whole app, beside an app of one bucket",
        unit="s",
        ours=seconds[WHOLE_APP],
        theirs=seconds[ONE_BUCKET],
    )
    said = f"{aim(seconds)}, with {toolchain()}."
    return Findings("Synthesis", [row], [f"Synthesis, whole app to one bucket: {said}"])


def aim(seconds: Mapping[str, Sequence[float]]) -> str:
    """The aim beside what was measured."""
    return f"aim: a ratio of about {AIM:.0f}; measured: {ratio(seconds):.2f}"


def toolchain() -> str:
    """What synthesizes, beside Python: Node.js and CDK."""
    node = subprocess.run(
        ["node", "--version"], env=environment(), capture_output=True, text=True, check=True
    )
    return f"Node.js {node.stdout.strip()}, aws-cdk-lib {version('aws-cdk-lib')}"


def main() -> None:
    """Measure and print; the exit code does not judge, a busy machine is no fault of the app."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.synth", description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="runs of each app (default: 5)")
    repeats = parser.parse_args().repeats
    if repeats < 1:
        parser.error(f"--repeats {repeats}: expected 1 or more")
    console = Console()
    try:
        seconds = measure(repeats)
    except SynthesisFailedError as error:
        sys.exit(f"error: {error}")
    console.print(table(seconds))
    console.print(f"{machine()}, {toolchain()}")
    console.print(aim(seconds))


if __name__ == "__main__":
    main()
