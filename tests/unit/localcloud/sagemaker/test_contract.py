"""Requests that AWS would refuse are refused, with the reason; responses have the API's form."""

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.model import Shape

from localcloud.sagemaker import contract, scaling
from localcloud.sagemaker.contract import ApiError
from localcloud.sagemaker.operations import OPERATIONS

TAG = {"Key": "a", "Value": "b"}
IMAGE = "811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1"


def training_job(**changes: Any) -> dict[str, Any]:
    request = {
        "TrainingJobName": "scones-1",
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": "arn:aws:iam::123456789012:role/training",
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
        "ResourceConfig": {
            "InstanceType": "ml.g4dn.xlarge",
            "InstanceCount": 1,
            "VolumeSizeInGB": 10,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }
    return request | changes


def parse(operation: str, request: object) -> dict[str, Any]:
    return contract.parse_request(contract.input_shape(operation), request)


def test_a_good_request_passes_unchanged() -> None:
    assert parse("CreateTrainingJob", training_job()) == training_job()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"RoleArn": None}, "Missing required parameter"),
        ({"Colour": "red"}, "Unknown parameter"),
        ({"HyperParameters": {"epochs": 3}}, "Invalid type"),
        (
            {"TrainingJobName": "no_underscores"},
            "Value 'no_underscores' at 'trainingJobName' failed to satisfy constraint: Member must "
            "satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}",
        ),
        ({"RoleArn": "arn:aws:iam::1234:role/training"}, "at 'roleArn' failed"),
        ({"TrainingJobName": "a" * 64}, "have length less than or equal to 63"),
        (
            {"ResourceConfig": {"InstanceType": "ml.huge.1", "InstanceCount": 1}},
            "Value 'ml.huge.1' at 'resourceConfig.instanceType' failed to satisfy constraint: "
            "Member must satisfy enum value set: [",
        ),
        ({"ResourceConfig": {"KeepAlivePeriodInSeconds": 99999}}, "less than or equal to 21600"),
        ({"Tags": [TAG, {**TAG, "Value": "d" * 257}]}, "at 'tags.2.member.value' failed"),
        ({"Environment": {"1BAD": "x"}}, "Value '1BAD' at 'environment.key'"),
    ],
)
def test_a_bad_request_is_refused_with_the_reason(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ApiError) as refusal:
        parse("CreateTrainingJob", training_job(**changes))
    assert refusal.value.code == "ValidationException"
    assert reason in refusal.value.message


def test_every_violation_is_listed() -> None:
    with pytest.raises(ApiError, match="^2 validation errors detected: ") as refusal:
        parse("CreateTrainingJob", training_job(TrainingJobName="-", RoleArn="r" * 20))
    assert "trainingJobName" in refusal.value.message
    assert "roleArn" in refusal.value.message


def test_a_request_must_be_a_json_object() -> None:
    with pytest.raises(ApiError, match="JSON object, not list"):
        parse("ListModels", [])


def test_times_of_a_request_become_datetimes() -> None:
    request = parse("ListModels", {"CreationTimeAfter": 1700000000})
    assert request["CreationTimeAfter"] == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def test_a_response_has_epoch_times_and_only_members_of_the_shape() -> None:
    shape = contract.operation_model("DescribeModel").output_shape
    assert shape is not None
    created = datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=UTC)
    response = {"ModelName": "m", "CreationTime": created, "Tags": [], "Containers": None}
    assert contract.to_response(shape, response) == {
        "ModelName": "m",
        "CreationTime": 1700000000.123,
    }


def test_every_pattern_of_the_operations_can_be_checked() -> None:
    found: dict[str, Shape] = {}

    def collect(shape: Any) -> None:
        if shape.name not in found:
            found[shape.name] = shape
            parts = [getattr(shape, part, None) for part in ("member", "key", "value")]
            for inner in (*getattr(shape, "members", {}).values(), *filter(None, parts)):
                collect(inner)

    for name in OPERATIONS:
        collect(contract.input_shape(name))
    collect(contract.input_shape("InvokeEndpoint", "sagemaker-runtime"))
    for name in scaling.OPERATIONS:
        collect(contract.input_shape(name, "application-autoscaling"))

    patterns = {shape.metadata.get("pattern") for shape in found.values()} - {None}
    assert len(patterns) >= 40
    for pattern in patterns:
        assert r"\p" not in contract.python_pattern(pattern).pattern


@pytest.mark.parametrize(
    ("operation", "service", "path", "value", "good"),
    [
        ("AddTags", "sagemaker", ("Tags", "Key"), "Größe 1:/=+-@_", True),
        ("AddTags", "sagemaker", ("Tags", "Key"), "a*b", False),
        ("PutScalingPolicy", "application-autoscaling", ("PolicyName",), "by requests", True),
        ("PutScalingPolicy", "application-autoscaling", ("PolicyName",), "a\nb", False),
        ("PutScalingPolicy", "application-autoscaling", ("ResourceId",), "\U0001f6b2", True),
        ("PutScalingPolicy", "application-autoscaling", ("ResourceId",), "\0", False),
    ],
)
def test_classes_of_javas_patterns_are_understood(
    operation: str, service: contract.Service, path: tuple[str, ...], value: str, good: bool
) -> None:
    shape: Any = contract.input_shape(operation, service)
    for member in path:
        shape = getattr(shape, "member", shape).members[member]
    assert bool(contract.python_pattern(shape.metadata["pattern"]).fullmatch(value)) is good
