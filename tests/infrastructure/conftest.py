"""Templates, synthesized once for the session."""

import pytest

from tests.infrastructure.synthesis import Templates, configuration, synthesize

# So that a failure shows the values, as in a test module.
pytest.register_assert_rewrite("tests.infrastructure.invariants")


@pytest.fixture(scope="session")
def templates() -> Templates:
    """`templates("dev")["Storage"]`: the template of one stack of one configuration."""
    return lambda environment: synthesize(configuration(environment))


@pytest.fixture(params=["dev", "prod"])
def environment(request: pytest.FixtureRequest) -> str:
    """Each environment of the project."""
    name: str = request.param
    return name
