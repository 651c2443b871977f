"""How long the tests take, by tier. Slow: it runs all of them."""

import re
import subprocess
import sys
import time
from collections.abc import Sequence

from rich.progress import track

from benchmarks.rows import Findings, Row
from localcloud.environment import PROJECT

TIERS = ("tests/unit", "tests/infrastructure", "tests/local")


def run(tiers: Sequence[str] = TIERS) -> Findings:
    """Run each tier once."""
    rows, remarks = [], []
    for tier in track(tiers, "Testing"):
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "--no-header", tier],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
        rows.append(Row(what=tier, unit="s", ours=[time.perf_counter() - start]))
        remarks.append(f"{tier}: {outcome(done.stdout or done.stderr)}.")
    return Findings("Tests, once", rows, remarks)


def outcome(output: str) -> str:
    """What pytest's last line counts, without its seconds."""
    last = output.strip().splitlines()[-1] if output.strip() else "pytest said nothing"
    return re.sub(r" in [\d.]+s.*", "", last)
