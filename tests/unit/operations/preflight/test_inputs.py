import io
import json
from typing import Any

import pytest
from botocore.response import StreamingBody

from operations.preflight.findings import Finding, Verdict
from operations.preflight.inputs import dataset, given_model
from tests.unit.operations.preflight.conftest import Find, Stub, only, stack_missing, stack_with

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


def test_staged_data_are_counted(find: Find, stub: Stub) -> None:
    staged(stub)
    assert find(dataset) == [
        Finding(
            Verdict.OK, "datasets/abc: 999 train, 200 validation pictures of bicycle, motorcycle"
        )
    ]


def test_the_first_deployment_is_no_problem(find: Find, stub: Stub) -> None:
    stack_missing(stub("cloudformation"), "describe_stacks", STACK)
    finding = only(find(dataset), Verdict.NOTE)
    assert finding.remedy == f"cdk deploy {STACK} -c environment=dev, then {STAGE}"


def test_a_stack_whose_creation_failed_is_deployed_again(find: Find, stub: Stub) -> None:
    stack_with(stub("cloudformation"), STACK)
    only(find(dataset), Verdict.NOTE)


def test_nothing_staged_is_a_problem(find: Find, stub: Stub) -> None:
    pointer(stub, "not-staged")
    (finding,) = find(dataset)
    assert (finding.verdict, finding.remedy) == (Verdict.PROBLEM, STAGE)
    assert "'not-staged'" in finding.what


def test_a_pointer_that_is_gone_is_a_problem(find: Find, stub: Stub) -> None:
    stack_with(stub("cloudformation"), STACK, DataBucketName="data")
    stub("ssm").add_client_error("get_parameter", "ParameterNotFound")
    (finding,) = find(dataset)
    assert (finding.verdict, finding.remedy) == (Verdict.PROBLEM, STAGE)


def test_a_dataset_that_is_gone_is_a_problem(find: Find, stub: Stub) -> None:
    pointer(stub, "datasets/abc")
    stub("s3").add_client_error("get_object", "NoSuchKey", http_status_code=404)
    (finding,) = find(dataset)
    assert (finding.verdict, finding.remedy) == (Verdict.PROBLEM, STAGE)
    assert "s3://data/datasets/abc/manifest.json" in finding.what


def counts(*of_classes: int, classes: tuple[str, ...] = ("bicycle", "motorcycle")) -> Any:
    return {split: dict(zip(classes, of_classes, strict=True)) for split in MANIFEST["counts"]}


THREE = ("bicycle", "motorcycle", "pickup_truck")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"counts": {"train": {"bicycle": 500, "motorcycle": 499}}},
            "s3://data/datasets/abc/manifest.json is not a staging manifest",
        ),
        (
            {"classes": ["motorcycle", "bicycle"]},
            "['motorcycle', 'bicycle'].*['bicycle', 'motorcycle']",
        ),
        ({"classes": THREE, "counts": counts(5, 5, 5, classes=THREE)}, "'pickup_truck']"),
        ({"counts": counts(100, 0)}, "no train picture of: motorcycle"),
        ({"counts": counts(100, 7)}, "datasets/abc: 7 validation pictures of 'motorcycle'"),
    ],
)
def test_data_that_nothing_can_be_trained_on_are_a_problem(
    find: Find, stub: Stub, changes: dict[str, Any], says: str
) -> None:
    staged(stub, **changes)
    (finding,) = find(dataset)
    assert (finding.verdict, finding.remedy) == (Verdict.PROBLEM, STAGE)
    assert all(part in finding.what for part in says.split(".*"))


@pytest.mark.parametrize("burnt", ["scone, burnt", "\u534a" * 64])
def test_classes_that_are_not_listed_are_those_of_the_dataset(
    find: Find, stub: Stub, burnt: str
) -> None:
    classes = ("scone", burnt)
    staged(stub, side=256, classes=classes, counts=counts(50, 50, classes=classes))
    (finding,) = find(dataset, dataset={"source": "folder"})
    if len(burnt) == 64:
        assert (finding.verdict, finding.remedy) == (Verdict.PROBLEM, STAGE)
        assert "is too long; shorten it, or list the names in dataset.classes" in finding.what
    else:
        assert finding.verdict is Verdict.OK
        assert finding.what.endswith("100 validation pictures of scone, scone, burnt")


def test_pictures_of_another_size_are_a_problem(find: Find, stub: Stub) -> None:
    staged(stub, side=64, counts=counts(50, 50))
    (finding,) = find(dataset, dataset={"source": "folder"})
    assert (finding.verdict, finding.remedy) == (Verdict.PROBLEM, STAGE)
    assert finding.what == "datasets/abc has pictures of 64 pixels; the settings say 256"


def test_drawn_pictures_are_worth_a_note(find: Find, stub: Stub) -> None:
    staged(stub, source="drawn")
    finding = only(find(dataset), Verdict.NOTE)
    assert "drawn" in finding.what


GIVEN_MODEL = {"model_data_url": "s3://bucket/model.tar.gz"}


def test_a_given_model_needs_no_data(find: Find) -> None:
    only(find(dataset, training=GIVEN_MODEL, drift={"enabled": False}), Verdict.OK)


def test_the_baseline_of_a_given_model_needs_data(find: Find, stub: Stub) -> None:
    pointer(stub, "not-staged")
    finding = only(find(dataset, training=GIVEN_MODEL), Verdict.PROBLEM)
    assert finding.remedy == f"{STAGE}; or drift.enabled = false"


URL = "s3://bucket/models/job/output/model.tar.gz"


def test_a_model_that_is_there(find: Find, stub: Stub) -> None:
    stub("s3").add_response(
        "get_object",
        {},
        {"Bucket": "bucket", "Key": "models/job/output/model.tar.gz", "Range": "bytes=0-0"},
    )
    (finding,) = find(given_model, training={"model_data_url": URL})
    assert finding == Finding(Verdict.OK, f"{URL} exists")


@pytest.mark.parametrize("key", ["model_data_url", "initial_model_data_url"])
@pytest.mark.parametrize("code", ["NoSuchBucket", "NoSuchKey"])
def test_a_model_that_is_not_there_is_a_problem(
    find: Find, stub: Stub, key: str, code: str
) -> None:
    stub("s3").add_client_error("get_object", code, http_status_code=404)
    finding = only(find(given_model, training={key: URL}), Verdict.PROBLEM)
    assert URL in finding.what
    assert f"training.{key}" in finding.remedy


def test_without_one_nothing_is_asked(find: Find) -> None:
    only(find(given_model), Verdict.OK)
