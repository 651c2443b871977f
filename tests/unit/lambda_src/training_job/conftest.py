"""The resource, with a staged dataset and no job yet."""

from collections.abc import Iterator

import pytest
from moto import mock_aws

from tests.unit.lambda_src import objects
from tests.unit.lambda_src.conftest import ImportHandler
from tests.unit.lambda_src.training_job.resource import Clock, Resource, SageMaker, stage


@pytest.fixture
def resource(import_handler: ImportHandler, monkeypatch: pytest.MonkeyPatch) -> Iterator[Resource]:
    with mock_aws():
        handler = import_handler("training_job")
        for bucket in ("data", "artifacts"):
            objects.s3().create_bucket(Bucket=bucket)
        stage("datasets/abc")
        made = Resource(handler, SageMaker(handler.sagemaker), Clock())
        monkeypatch.setattr(handler, "sagemaker", made.sagemaker)
        monkeypatch.setattr(handler, "time", made.clock)
        yield made


@pytest.fixture
def sagemaker(resource: Resource) -> SageMaker:
    return resource.sagemaker
