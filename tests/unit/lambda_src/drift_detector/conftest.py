"""The detector, with a baseline and no captures yet."""

from collections.abc import Iterator

import pytest
from moto import mock_aws

from tests.unit.lambda_src.conftest import ImportHandler
from tests.unit.lambda_src.drift_detector.detector import ENVIRONMENT, Cloud, make_stored_baseline


@pytest.fixture
def cloud(import_handler: ImportHandler, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    with mock_aws():
        handler = import_handler("drift_detector", **ENVIRONMENT)
        for bucket in ("captures", "artifacts"):
            handler.s3.create_bucket(Bucket=bucket)
        make_stored_baseline().save(handler.s3, bucket="artifacts", key=ENVIRONMENT["BASELINE_KEY"])
        cloud = Cloud(handler, monkeypatch)
        cloud.serve(ENVIRONMENT["MODEL_NAME"])
        yield cloud
