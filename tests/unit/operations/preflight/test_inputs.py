import io
import json
from typing import Any

import pytest
from botocore.response import StreamingBody

from operations.preflight.clients import Aws
from operations.preflight.findings import Finding, Verdict
from operations.preflight.inputs import dataset, given_model
from settings import Settings
from tests.unit.operations.preflight.conftest import Stub, settings_with, stack_missing, stack_with

STACK = "Scones-dev-Storage"
STAGE = "scones stage --environment dev"
MANIFEST: dict[str, Any] = {
    "source": "cifar-100",
    "digest": "abc",
    "classes": ["bicycle", "motorcycle"],
    "counts": {
        "train": {"bicycle": 500, "motorcycle": 499},
        "validation": {"bicycle": 100, "motorcycle": 100},
    },
}


def pointer(stub: Stub, value: str) -> None:
    stack_with(stub("cloudformation"), STACK, DataBucketName="data")
    stub("ssm").add_response(
        "get_parameter", {"Parameter": {"Value": value}}, {"Name": "/scones/dev/dataset"}
    )


def staged(stub: Stub, **changes: Any) -> None:
    pointer(stub, "datasets/abc")
    content = json.dumps(MANIFEST | changes).encode()
    stub("s3").add_response(
        "get_object",
        {"Body": StreamingBody(io.BytesIO(content), len(content))},
        {"Bucket": "data", "Key": "datasets/abc/manifest.json"},
    )


def test_staged_data_are_counted(aws: Aws, settings: Settings, stub: Stub) -> None:
    staged(stub)
    assert list(dataset(aws, settings)) == [
        Finding(
            Verdict.OK, "datasets/abc: 999 train, 200 validation pictures of bicycle, motorcycle"
        )
    ]


def test_a_manifest_that_staging_did_not_write_is_a_problem(
    aws: Aws, settings: Settings, stub: Stub
) -> None:
    staged(stub, counts={"train": {"bicycle": 500, "motorcycle": 499}})
    (finding,) = dataset(aws, settings)
    assert (finding.verdict, finding.remedy) == (Verdict.PROBLEM, STAGE)
    assert "s3://data/datasets/abc/manifest.json is not a staging manifest" in finding.what


def test_the_first_deployment_is_no_problem(aws: Aws, settings: Settings, stub: Stub) -> None:
    stack_missing(stub("cloudformation"), "describe_stacks", STACK)
    (finding,) = dataset(aws, settings)
    assert finding.verdict is Verdict.NOTE
    assert finding.remedy == f"cdk deploy {STACK} -c environment=dev, then {STAGE}"


def test_a_stack_whose_creation_failed_is_deployed_again(
    aws: Aws, settings: Settings, stub: Stub
) -> None:
    stack_with(stub("cloudformation"), STACK)
    (finding,) = dataset(aws, settings)
    assert finding.verdict is Verdict.NOTE


def test_nothing_staged_is_a_problem(aws: Aws, settings: Settings, stub: Stub) -> None:
    pointer(stub, "not-staged")
    (finding,) = dataset(aws, settings)
    assert (finding.verdict, finding.remedy) == (Verdict.PROBLEM, STAGE)
    assert "'not-staged'" in finding.what


def test_a_pointer_that_is_gone_is_a_problem(aws: Aws, settings: Settings, stub: Stub) -> None:
    stack_with(stub("cloudformation"), STACK, DataBucketName="data")
    stub("ssm").add_client_error("get_parameter", "ParameterNotFound")
    (finding,) = dataset(aws, settings)
    assert (finding.verdict, finding.remedy) == (Verdict.PROBLEM, STAGE)


def test_a_dataset_that_is_gone_is_a_problem(aws: Aws, settings: Settings, stub: Stub) -> None:
    pointer(stub, "datasets/abc")
    stub("s3").add_client_error("get_object", "NoSuchKey", http_status_code=404)
    (finding,) = dataset(aws, settings)
    assert (finding.verdict, finding.remedy) == (Verdict.PROBLEM, STAGE)
    assert "s3://data/datasets/abc/manifest.json" in finding.what


@pytest.mark.parametrize(
    "classes", [["motorcycle", "bicycle"], ["bicycle", "motorcycle", "pickup_truck"]]
)
def test_other_classes_or_another_order_are_a_problem(
    aws: Aws, settings: Settings, stub: Stub, classes: list[str]
) -> None:
    counts = {split: dict.fromkeys(classes, 5) for split in ("train", "validation")}
    staged(stub, classes=classes, counts=counts)
    (finding,) = dataset(aws, settings)
    assert (finding.verdict, finding.remedy) == (Verdict.PROBLEM, STAGE)
    assert str(classes) in finding.what and "['bicycle', 'motorcycle']" in finding.what


def test_a_class_without_pictures_is_a_problem(aws: Aws, settings: Settings, stub: Stub) -> None:
    counts = {**MANIFEST["counts"], "validation": {"bicycle": 100, "motorcycle": 0}}
    staged(stub, counts=counts)
    (finding,) = dataset(aws, settings)
    assert finding.verdict is Verdict.PROBLEM
    assert "no validation picture of: motorcycle" in finding.what


def test_too_few_pictures_for_a_baseline_are_a_problem(
    aws: Aws, settings: Settings, stub: Stub
) -> None:
    counts = {**MANIFEST["counts"], "validation": {"bicycle": 100, "motorcycle": 7}}
    staged(stub, counts=counts)
    (finding,) = dataset(aws, settings)
    assert (finding.verdict, finding.remedy) == (Verdict.PROBLEM, STAGE)
    assert "datasets/abc: 7 validation pictures of 'motorcycle'" in finding.what


def test_drawn_pictures_are_worth_a_note(aws: Aws, settings: Settings, stub: Stub) -> None:
    staged(stub, source="drawn")
    (finding,) = dataset(aws, settings)
    assert finding.verdict is Verdict.NOTE
    assert "drawn" in finding.what


GIVEN_MODEL = {"model_data_url": "s3://bucket/model.tar.gz"}


def test_a_given_model_needs_no_data(aws: Aws) -> None:
    settings = settings_with(training=GIVEN_MODEL, drift={"enabled": False})
    (finding,) = dataset(aws, settings)
    assert finding.verdict is Verdict.OK


def test_the_baseline_of_a_given_model_needs_data(aws: Aws, stub: Stub) -> None:
    pointer(stub, "not-staged")
    (finding,) = dataset(aws, settings_with(training=GIVEN_MODEL))
    assert finding.verdict is Verdict.PROBLEM
    assert finding.remedy == f"{STAGE}; or drift.enabled = false"


URL = "s3://bucket/models/job/output/model.tar.gz"


@pytest.fixture
def with_model() -> Settings:
    return settings_with(training={"model_data_url": URL})


def test_a_model_that_is_there(aws: Aws, with_model: Settings, stub: Stub) -> None:
    stub("s3").add_response(
        "get_object",
        {},
        {"Bucket": "bucket", "Key": "models/job/output/model.tar.gz", "Range": "bytes=0-0"},
    )
    assert list(given_model(aws, with_model)) == [Finding(Verdict.OK, f"{URL} exists")]


@pytest.mark.parametrize("key", ["model_data_url", "initial_model_data_url"])
@pytest.mark.parametrize("code", ["NoSuchBucket", "NoSuchKey"])
def test_a_model_that_is_not_there_is_a_problem(aws: Aws, stub: Stub, key: str, code: str) -> None:
    stub("s3").add_client_error("get_object", code, http_status_code=404)
    (finding,) = given_model(aws, settings_with(training={key: URL}))
    assert finding.verdict is Verdict.PROBLEM
    assert URL in finding.what
    assert f"training.{key}" in finding.remedy


def test_without_one_nothing_is_asked(aws: Aws) -> None:
    (finding,) = given_model(aws, settings_with())
    assert finding.verdict is Verdict.OK
