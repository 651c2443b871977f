"""Fixtures: a trained model, and an endpoint that serves it."""

from collections.abc import Iterator

import pytest

from localcloud.launcher import LocalCloud
from tests.local.localcloud.sagemaker.support import SageMaker


@pytest.fixture(scope="session")
def sagemaker(cloud: LocalCloud) -> SageMaker:
    """SageMaker with training data in its own bucket and one trained model."""
    return SageMaker(cloud)


@pytest.fixture(scope="session")
def endpoint(sagemaker: SageMaker) -> Iterator[str]:
    """An endpoint in service, without capture, that tests only invoke."""
    name = sagemaker.endpoint(sagemaker.config(sagemaker.model()))
    yield name
    sagemaker.api.delete_endpoint(EndpointName=name)
