"""`python -m benchmarks.synth`: the whole app's synthesis beside that of a one-bucket app.

Each in two ways: as `cdk synth`, which is what its user waits for, and the app alone, the process
that the CDK CLI starts for it. Every run has a process and an empty output folder of its own, and
the context of cdk.json. All of them take turns, so that what else the machine does hits them all.
"""

import argparse
import json
import os
import shlex
import shutil
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
BY_CLI = "cdk synth"
ALONE = "app alone"
WAYS = (BY_CLI, ALONE)
AIM = 2.0

# By way and app.
Seconds = Mapping[str, Mapping[str, Sequence[float]]]


class SynthesisFailedError(RuntimeError):
    """An app could not be synthesized; the message holds what it wrote to stderr."""


def environment() -> dict[str, str]:
    """Environment of every run: no credentials, no network, and the Node.js beside this Python.

    Python keeps the bytecode of the project, as it does unless it is told otherwise; that of the
    packages is there since they were installed, for both apps.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    inherited = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("AWS_", "CDK_")) and key != "PYTHONDONTWRITEBYTECODE"
    }
    return {
        **inherited,
        "PATH": path,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "CDK_DISABLE_CLI_TELEMETRY": "true",
    }


def seconds_of(app: Path, way: str) -> float:
    """Wall seconds of one synthesis in one of `WAYS`.

    Raises:
        SynthesisFailedError: the CDK CLI is not installed, or the app ended with an error.
    """
    if shutil.which("cdk", path=environment()["PATH"]) is None:
        raise SynthesisFailedError(
            "the CDK CLI is not installed in this environment; run: make setup"
        )
    with tempfile.TemporaryDirectory() as folder:
        command, variables = _process(app, way, folder)
        start = time.perf_counter()
        done = subprocess.run(
            command,
            cwd=PROJECT,
            env={**environment(), **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - start
    if done.returncode:
        raise SynthesisFailedError(
            f"{way}, {app}: exit code {done.returncode}:\n{done.stderr.strip()}"
        )
    return seconds


def _process(app: Path, way: str, folder: str) -> tuple[list[str], dict[str, str]]:
    """Command and additional variables of a synthesis into the folder."""
    command = [sys.executable, str(app)]
    if way == ALONE:
        context = json.loads((PROJECT / "cdk.json").read_text(encoding="utf-8"))["context"]
        return command, {"CDK_CONTEXT_JSON": json.dumps(context), "CDK_OUTDIR": folder}
    options = ["--quiet", "--no-notices", "--app", shlex.join(command), "--output", folder]
    return ["cdk", "synth", *options], {}


def measure(
    repeats: int, run: Callable[[Path, str], float] = seconds_of, *, show_progress: bool = True
) -> Seconds:
    """Seconds of `repeats` runs of each app in each way; a first round is not kept: it warms up."""
    seconds: dict[str, dict[str, list[float]]] = {way: {name: [] for name in APPS} for way in WAYS}
    for round_ in track(range(repeats + 1), "Synthesizing", disable=not show_progress):
        for way in WAYS:
            for name, app in APPS.items():
                measured = run(app, way)
                if round_:
                    seconds[way][name].append(measured)
    return seconds


def ratio(seconds: Mapping[str, Sequence[float]]) -> float:
    """Median of the whole app over the median of the one-bucket app, of one way."""
    return statistics.median(seconds[WHOLE_APP]) / statistics.median(seconds[ONE_BUCKET])


def table(seconds: Seconds) -> Table:
    """One row for each app in each way, the whole app's with the ratio."""
    runs = len(seconds[BY_CLI][WHOLE_APP])
    result = Table("", "app", title=f"Synthesis, wall seconds of {runs} runs each")
    for heading in ("median", "fastest", "slowest", "ratio"):
        result.add_column(heading, justify="right")
    for way, of_apps in seconds.items():
        result.add_section()
        for name, values in of_apps.items():
            figures = [statistics.median(values), min(values), max(values)]
            result.add_row(
                way,
                name,
                *(f"{figure:.2f}" for figure in figures),
                f"{ratio(of_apps):.2f}" if name == WHOLE_APP else "1.00",
            )
    return result


def run(repeats: int) -> Findings:
    """Measure, as a part of all benchmarks."""
    seconds = measure(repeats)
    rows = [
        Row(
            what=f"{way}: whole app, beside an app of one bucket",
            unit="s",
            ours=of_apps[WHOLE_APP],
            theirs=of_apps[ONE_BUCKET],
        )
        for way, of_apps in seconds.items()
    ]
    said = f"{aim(seconds)}, with {toolchain()}."
    return Findings("Synthesis", rows, [f"Synthesis, whole app to one bucket: {said}"])


def aim(seconds: Seconds) -> str:
    """The aim beside what was measured."""
    measured = ", ".join(f"{way} {ratio(of_apps):.2f}" for way, of_apps in seconds.items())
    return f"aim: a ratio of about {AIM:.0f}; measured: {measured}"


def toolchain() -> str:
    """What synthesizes, beside Python: Node.js, the CDK CLI and CDK."""
    node, cli = (
        subprocess.run(
            [program, "--version"], env=environment(), capture_output=True, text=True, check=True
        ).stdout.split()[0]
        for program in ("node", "cdk")
    )
    return f"Node.js {node}, CDK CLI {cli}, aws-cdk-lib {version('aws-cdk-lib')}"


def main() -> None:
    """Measure and print; the exit code does not judge, a busy machine is no fault of the app."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.synth", description=__doc__)
    parser.add_argument(
        "--repeats", type=int, default=5, help="runs of each app in each way (default: 5)"
    )
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
