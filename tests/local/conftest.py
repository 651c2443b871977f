"""Fixtures of the tests that run against the local cloud."""

import os
from collections.abc import Iterator

import pytest

from localcloud.launcher import LocalCloud, free_port
from tests.local.deployment import Deployment


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """One local cloud for the whole session, at a free port; all tests share what is in it."""
    folder = tmp_path_factory.mktemp("localcloud")
    with LocalCloud(port=free_port(), folder=folder).running() as started:
        yield started


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The whole application, deployed once by the real CDK CLI, with drawn pictures.

    It has a local cloud of its own: the last test looks whether `cdk destroy` left it empty.
    """
    folder = tmp_path_factory.mktemp("deployment")
    with (
        LocalCloud(port=free_port(), folder=folder).running() as cloud,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name in list(os.environ):
            if name.startswith("AWS_"):
                patch.delenv(name)
        for name, value in cloud.environment().items():
            patch.setenv(name, value)
        yield Deployment.deploy(cloud, folder)
