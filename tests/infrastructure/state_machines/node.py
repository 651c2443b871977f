"""Node.js, and the npm packages that only the tests need."""

import shutil
from pathlib import Path

import pytest

from tests.infrastructure.synthesis import ROOT

HERE = Path(__file__).parent


def node_command(script: str, *, package: str) -> list[str]:
    """Return the command that runs a script beside this module; skip where it cannot run."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on PATH: make setup-dev")
    if not (ROOT / "node_modules" / package).is_dir():
        pytest.skip(f"npm's {package} is not installed: make setup-dev")
    return [node, str(HERE / script)]
