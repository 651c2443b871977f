import pytest
from botocore.exceptions import ClientError

from operations.preflight.clients import Aws
from operations.preflight.findings import Finding, Verdict
from operations.preflight.model import given_model
from settings import Settings
from tests.unit.operations.preflight.conftest import Stub, deny, settings_with

URL = "s3://bucket/models/job/output/model.tar.gz"


@pytest.fixture
def settings() -> Settings:
    return settings_with(training={"model_data_url": URL})


def test_a_model_that_is_there(aws: Aws, settings: Settings, stub: Stub) -> None:
    stub("s3").add_response(
        "get_object",
        {},
        {"Bucket": "bucket", "Key": "models/job/output/model.tar.gz", "Range": "bytes=0-0"},
    )
    assert list(given_model(aws, settings)) == [Finding(Verdict.OK, f"{URL} exists")]


@pytest.mark.parametrize("key", ["model_data_url", "initial_model_data_url"])
@pytest.mark.parametrize("code", ["NoSuchBucket", "NoSuchKey"])
def test_a_model_that_is_not_there_is_a_problem(aws: Aws, stub: Stub, key: str, code: str) -> None:
    stub("s3").add_client_error("get_object", code, http_status_code=404)
    (finding,) = given_model(aws, settings_with(training={key: URL}))
    assert finding.verdict is Verdict.PROBLEM
    assert URL in finding.what
    assert f"training.{key}" in finding.remedy


def test_a_refusal_is_no_answer(aws: Aws, settings: Settings, stub: Stub) -> None:
    deny(stub("s3"), "get_object")
    with pytest.raises(ClientError):
        list(given_model(aws, settings))


def test_without_one_nothing_is_asked(aws: Aws) -> None:
    (finding,) = given_model(aws, settings_with())
    assert finding.verdict is Verdict.OK
