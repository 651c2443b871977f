"""Templates, synthesized once for the session."""

from functools import cache

import pytest

from settings import load
from tests.infrastructure.synthesis import Templates, synthesize


@pytest.fixture(scope="session")
def templates() -> Templates:
    """`templates("dev")["Storage"]`: the template of one stack of one environment."""
    return cache(lambda environment: synthesize(load(environment)))


@pytest.fixture(params=["dev", "prod"])
def environment(request: pytest.FixtureRequest) -> str:
    """Each environment of the project."""
    name: str = request.param
    return name
