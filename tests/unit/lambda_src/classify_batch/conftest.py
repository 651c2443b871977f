"""The handler, with empty buckets, and its endpoint."""

from collections.abc import Iterator
from types import ModuleType

import pytest
from moto import mock_aws

from tests.unit.lambda_src import objects
from tests.unit.lambda_src.classify_batch.batch import BAD, Endpoint, Poison, put
from tests.unit.lambda_src.conftest import ImportHandler


@pytest.fixture
def handler(import_handler: ImportHandler, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    with mock_aws():
        for bucket in ("pictures", "artifacts"):
            objects.s3().create_bucket(Bucket=bucket)
        imported = import_handler("classify_batch")
        monkeypatch.setattr(imported, "PAUSES", (0,) * len(imported.PAUSES))
        yield imported


@pytest.fixture
def endpoint(handler: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    fake = Endpoint()
    monkeypatch.setattr(handler.runtime, "invoke_endpoint", fake.invoke_endpoint)
    return fake


@pytest.fixture
def poison(handler: ModuleType, endpoint: Endpoint) -> Poison:
    """good.png and bad.png; the model fails for the latter."""
    put("good.png")
    put("bad.png", red=BAD)
    return Poison(handler, endpoint, {BAD})
