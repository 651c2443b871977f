"""A job like the stack's, outside the stack, against an AWS that lives in memory."""

import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any
from unittest.mock import Mock

import boto3
import pytest
from moto.sagemaker.models import FakeTrainingJob
from rich.console import Console

from lambda_src.shared import class_names
from operations import training
from operations.aws import AwsError
from scones.__main__ import main
from settings import Settings
from settings.loader import validate
from tests.class_names import HOSTILE

pytestmark = pytest.mark.skipif(not find_spec("sagemaker"), reason="the SDK is optional")

DEPLOYED = "scones-dev-abc"
KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
CHANNEL = {
    "ChannelName": "train",
    "ContentType": "application/x-image",
    "DataSource": {
        "S3DataSource": {
            "S3DataType": "S3Prefix",
            "S3Uri": "s3://data/datasets/abc/train/",
            "S3DataDistributionType": "FullyReplicated",
        }
    },
}
REQUEST: dict[str, Any] = {
    "TrainingJobName": DEPLOYED,
    "AlgorithmSpecification": {"TrainingImage": "image:1", "TrainingInputMode": "File"},
    "RoleArn": "arn:aws:iam::111122223333:role/job",
    "HyperParameters": {"num_classes": "2", "num_training_samples": "20", "epochs": "30"},
    "InputDataConfig": [CHANNEL],
    "OutputDataConfig": {"S3OutputPath": "s3://artifacts/models"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
    "StoppingCondition": {"MaxRuntimeInSeconds": 2400},
    "EnableNetworkIsolation": True,
}


@pytest.fixture
def deployed(
    aws: boto3.Session, stacks: dict[str, list[dict[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """SageMaker, with the job that the stack trained."""
    from sagemaker.core.utils.utils import SageMakerClient

    stacks["Scones-dev-Training"] = [{"OutputKey": "TrainingJobName", "OutputValue": DEPLOYED}]
    client = aws.client("sagemaker")
    client.create_training_job(**REQUEST)
    aws.client("ssm").put_parameter(
        Name="/scones/dev/model/classes", Value="bicycle,motorcycle", Type="String"
    )
    monkeypatch.setattr(training, "POLL_SECONDS", 0)
    yield client
    SageMakerClient._instances.clear()


def outside(client: Any) -> dict[str, Any]:
    (name,) = (
        summary["TrainingJobName"]
        for summary in client.list_training_jobs()["TrainingJobSummaries"]
        if summary["TrainingJobName"].startswith("scones-dev-outside-")
    )
    described: dict[str, Any] = client.describe_training_job(TrainingJobName=name)
    return described


def test_the_job_is_the_stacks_with_the_settings_and_the_time_of_the_caller(deployed: Any) -> None:
    values = {"training": {"instance_type": "ml.g5.xlarge", "hyperparameters": {"num_layers": 50}}}
    settings = validate(values, environment="dev", source="test")

    trained = training.run(settings, max_runtime_minutes=300, console=Console(quiet=True))

    job = outside(deployed)
    assert job["TrainingJobName"].startswith("scones-dev-outside-")
    assert trained.model_data_url == job["ModelArtifacts"]["S3ModelArtifacts"]
    assert trained.classes == ("bicycle", "motorcycle")
    assert job["StoppingCondition"]["MaxRuntimeInSeconds"] == 300 * 60
    assert job["ResourceConfig"]["InstanceType"] == "ml.g5.xlarge"
    assert job["HyperParameters"] == {
        **settings.training.hyperparameters.as_request(),
        "num_layers": "50",
        "num_classes": "2",
        "num_training_samples": "20",
        "mini_batch_size": "20",
    }
    assert job["ResourceConfig"]["VolumeSizeInGB"] == REQUEST["ResourceConfig"]["VolumeSizeInGB"]
    for same in ("RoleArn", "InputDataConfig", "EnableNetworkIsolation"):
        assert job[same] == REQUEST[same], same
    assert job["OutputDataConfig"]["S3OutputPath"] == "s3://artifacts/models"
    tags = deployed.list_tags(ResourceArn=job["TrainingJobArn"])["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == settings.tags_by_key


@pytest.mark.parametrize(
    ("instance_type", "key", "volume_key"),
    [
        ("ml.g5.xlarge", {"KmsKeyId": KEY}, None),
        ("ml.p3.2xlarge", {"KmsKeyId": KEY}, KEY),
        ("ml.p3.2xlarge", {}, None),
    ],
)
def test_the_job_has_the_keys_of_the_stacks(
    deployed: Any,
    monkeypatch: pytest.MonkeyPatch,
    instance_type: str,
    key: dict[str, str],
    volume_key: str | None,
) -> None:
    output = {"S3OutputPath": "s3://artifacts/models", **key}
    deployed.create_training_job(
        **{**REQUEST, "TrainingJobName": f"{DEPLOYED}-2", "OutputDataConfig": output}
    )
    monkeypatch.setattr(training, "stack_output", lambda *_: f"{DEPLOYED}-2")
    values = {"training": {"instance_type": instance_type}}
    settings = validate(values, environment="dev", source="test")

    training.run(settings, max_runtime_minutes=300, console=Console(quiet=True))

    job = outside(deployed)
    assert job["OutputDataConfig"].get("KmsKeyId") == key.get("KmsKeyId")
    assert job["ResourceConfig"].get("VolumeKmsKeyId") == volume_key


@pytest.mark.parametrize(
    "classes", [["bicycle", "motorcycle", "pickup_truck"], ["motorcycle", "bicycle"]]
)
def test_other_classes_are_refused_before_anything_starts(
    deployed: Any, classes: list[str]
) -> None:
    settings = validate({"dataset": {"classes": classes}}, environment="dev", source="test")

    with pytest.raises(AwsError, match=rf"bicycle,motorcycle .*{','.join(classes)}; stage"):
        training.run(settings, max_runtime_minutes=300, console=Console(quiet=True))

    assert len(deployed.list_training_jobs()["TrainingJobSummaries"]) == 1


@pytest.mark.usefixtures("deployed")
def test_without_a_trained_stack_the_remedy_is_named(
    stacks: dict[str, list[dict[str, str]]], settings: Settings
) -> None:
    stacks.clear()

    with pytest.raises(AwsError, match=r"Scones-dev-Training does not exist; deploy it first"):
        training.run(settings, max_runtime_minutes=300, console=Console(quiet=True))


def test_a_stack_that_trains_nothing_has_no_job_to_copy() -> None:
    values = {"training": {"model_data_url": "s3://elsewhere/model.tar.gz"}}
    settings = validate(values, environment="dev", source="test")

    with pytest.raises(AwsError, match=r"s3://elsewhere/model.tar.gz.*remove it and deploy"):
        training.run(settings, max_runtime_minutes=300, console=Console(quiet=True))


@pytest.mark.usefixtures("deployed")
@pytest.mark.parametrize(
    ("ending", "says"),
    [
        ({"training_job_status": "Failed", "failure_reason": "no data"}, "is Failed: no data"),
        (
            {"training_job_status": "Stopped", "secondary_status": "MaxRuntimeExceeded"},
            "MaxRuntime",
        ),
    ],
)
def test_a_job_that_ends_badly_says_why(
    ending: dict[str, str],
    says: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    create = FakeTrainingJob.__init__

    def created_and_ended(self: Any, *arguments: Any, **named: Any) -> None:
        create(self, *arguments, **named)
        vars(self).update(ending)

    monkeypatch.setattr(FakeTrainingJob, "__init__", created_and_ended)

    assert main(["train", "--max-runtime-minutes", "300"]) == 1

    assert says in capsys.readouterr().err


def test_interrupted_it_leaves_the_job_running(
    deployed: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(training, "_follow", Mock(side_effect=KeyboardInterrupt))

    assert main(["train", "--max-runtime-minutes", "300"]) == 130

    assert f"{outside(deployed)['TrainingJobName']}: started" in capsys.readouterr().out


@pytest.mark.usefixtures("deployed")
def test_the_setting_that_deploys_the_model_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--max-runtime-minutes", "300"]) == 0

    printed = capsys.readouterr().out
    assert "settings/dev.toml" in printed
    assert '[training]\nmodel_data_url = "s3://artifacts/models/scones-dev-outside-' in printed
    assert ".tar.gz" in printed


def test_classes_that_the_settings_do_not_list_are_printed_for_them(
    deployed: Any,
    aws: boto3.Session,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = "/scones/dev/model/classes"
    aws.client("ssm").put_parameter(Name=name, Value=class_names.encode(HOSTILE), Overwrite=True)
    own = validate({"dataset": {"source": "folder"}}, environment="dev", source="test")
    monkeypatch.setattr("scones.train.load", lambda _: own)

    assert main(["train", "--max-runtime-minutes", "300"]) == 0

    _, _, toml = capsys.readouterr().out.partition("which lists no classes:")
    assert tomllib.loads(toml) == {"classes": list(HOSTILE)}


@pytest.mark.parametrize("minutes", ["0", "40321"])
def test_minutes_that_sagemaker_does_not_take_are_refused(
    minutes: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--max-runtime-minutes", minutes]) == 2
    assert "Invalid value for '--max-runtime-minutes'" in capsys.readouterr().err
