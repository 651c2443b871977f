"""A deployment that the checks take for that of an account."""

from pathlib import Path

import pytest

from localcloud.demo.acceptance.context import Context
from localcloud.deployment import Application
from settings import load


@pytest.fixture
def context() -> Context:
    """Of an account, with nothing gathered yet."""
    return Context(Application(load("acceptance"), Path("nowhere")), local=False)
