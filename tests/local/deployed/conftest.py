"""The roles of the application are watched in all of these tests."""

from collections.abc import Iterator

import pytest

from tests.local.deployment import Deployment
from tests.local.iam_calls import assert_right


@pytest.fixture(scope="package", autouse=True)
def calls_of_roles_are_right(application: Deployment) -> Iterator[None]:
    """Judge, after the last test, every call that a role made in these tests."""
    before = len(application.calls())
    yield
    made = [*application.deploy_calls, *application.calls()[before:]]
    assert_right(application, application.resources(), made)
