"""Node.js, and the npm packages that only the tests need."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.infrastructure.synthesis import ROOT


def node_command(script: Path, *, package: str) -> list[str]:
    """Return the command that runs a script; skip where it cannot run."""
    # The Node.js that set-up put beside this interpreter comes first.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    node = shutil.which("node", path=path)
    if node is None:
        pytest.skip("no node on PATH: make setup-dev")
    if not (ROOT / "node_modules" / package).is_dir():
        pytest.skip(f"npm's {package} is not installed: make setup-dev")
    return [node, str(script)]
