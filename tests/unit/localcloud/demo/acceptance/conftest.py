"""A deployment that the checks take for that of an account."""

from pathlib import Path

import pytest
from rich.console import Console

from localcloud.demo.acceptance.context import Context
from localcloud.deployment import Application
from localcloud.steps import Steps
from settings import load


@pytest.fixture
def context() -> Context:
    """Of an account, with nothing gathered yet."""
    application = Application(load("acceptance"), Steps(Console(quiet=True)), Path("nowhere"))
    return Context(application, local=False)
