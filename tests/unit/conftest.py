"""What all unit tests share."""

import functools
from collections.abc import Iterator

import pytest
from botocore.loaders import create_loader


@pytest.fixture(scope="session", autouse=True)
def service_models_are_read_once() -> Iterator[None]:
    """Moto forgets boto3's session at each test, and botocore with it what it has read.

    The models of services are megabytes of JSON: reading them anew is most of such a test's time.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.session.create_loader", functools.cache(create_loader))
        yield
