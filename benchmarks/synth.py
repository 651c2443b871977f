"""Synthesis: `cdk synth` of the whole application beside that of an app of one bucket.

Each run has its own process, an empty output folder, and the context of cdk.json.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from rich.progress import track

from benchmarks.results_table import Row, Section

PROJECT = Path(__file__).resolve().parents[1]
WHOLE_APP = PROJECT / "app.py"
ONE_BUCKET = PROJECT / "benchmarks" / "comparator" / "one_bucket.py"


class SynthesisFailedError(RuntimeError):
    """An app could not be synthesized; the message holds what it wrote to stderr."""


def environment() -> dict[str, str]:
    """Return the variables of a run: no credentials, no network, this environment's programs."""
    inherited = {
        key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "CDK_"))
    }
    return {
        **inherited,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "CDK_DISABLE_CLI_TELEMETRY": "true",
    }


def seconds_of(app: Path) -> float:
    """Return the wall seconds of one synthesis.

    Raises:
        SynthesisFailedError: the CDK CLI is not installed, or the app ended with an error.
    """
    cdk = shutil.which("cdk", path=environment()["PATH"])
    if cdk is None:
        raise SynthesisFailedError(
            "the CDK CLI is not installed in this environment; run: make setup"
        )
    command = [
        cdk,
        "synth",
        "--quiet",
        "--no-notices",
        "--app",
        shlex.join([sys.executable, str(app)]),
    ]
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        done = subprocess.run(
            [*command, "--output", folder],
            cwd=PROJECT,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - start
    if done.returncode:
        raise SynthesisFailedError(f"{app}: exit code {done.returncode}:\n{done.stderr.strip()}")
    return seconds


def run(repeats: int, seconds_of: Callable[[Path], float] = seconds_of) -> Section:
    """Measure both in turns, without a first round."""
    seconds: dict[Path, list[float]] = {WHOLE_APP: [], ONE_BUCKET: []}
    for _ in track(range(repeats + 1), "Synthesizing"):
        for app, measured in seconds.items():
            measured.append(seconds_of(app))
    row = Row(
        measure="cdk synth: the whole app, beside an app of one bucket",
        unit="s",
        ours=seconds[WHOLE_APP][1:],
        comparator=seconds[ONE_BUCKET][1:],
    )
    return Section("Synthesis", [row], [f"Synthesis: aws-cdk-lib {version('aws-cdk-lib')}."])
