import json
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from lambda_src.shared.events import InvalidEvent
from lambda_src.shared.staged_dataset import DatasetNotUsable
from tests.unit.lambda_src.hostile import Mutated, answered, fuzzed, mutated

ROLE = "arn:aws:iam::111122223333:role/job"
MODEL_KEY = "models/job/output/model.tar.gz"
PROPERTIES = {
    "JobNamePrefix": "scones-dev",
    "TrainingImage": "111122223333.dkr.ecr.us-east-1.amazonaws.com/image-classification:1",
    "RoleArn": ROLE,
    "DataBucket": "data",
    "DatasetPrefix": "datasets/abc",
    "Classes": ["bicycle", "motorcycle"],
    "OutputPath": "s3://artifacts/models",
    "InstanceType": "ml.g4dn.xlarge",
    "InstanceCount": "1",
    "VolumeSizeInGB": "10",
    "MaxRuntimeInSeconds": "2700",
    "HyperParameters": {"num_layers": "18", "epochs": "30"},
    "Tags": [{"Key": "project", "Value": "scones"}],
}
SPOT = {"MaxWaitInSeconds": "3000", "CheckpointPath": "s3://artifacts/checkpoints"}
KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
KEYS = {"OutputKmsKeyId": KEY, "VolumeKmsKeyId": KEY}
INITIAL_MODEL = "s3://artifacts/models/earlier/output/model.tar.gz"


class SageMaker:
    """Training jobs in a dictionary, behind the boto3 client's methods."""

    def __init__(self, client: Any) -> None:
        self.exceptions = client.exceptions
        self.jobs: dict[str, dict[str, Any]] = {}
        self.stopped: list[str] = []
        self.refusals: list[tuple[str, str, str]] = []
        """Operation, code and message of the errors that come first."""

    def _refuse(self, operation: str) -> None:
        if self.refusals and self.refusals[0][0] == operation:
            _, code, message = self.refusals.pop(0)
            raise ClientError({"Error": {"Code": code, "Message": message}}, operation)

    def describe_training_job(self, *, TrainingJobName: str) -> dict[str, Any]:
        self._refuse("DescribeTrainingJob")
        if TrainingJobName in self.jobs:
            return self.jobs[TrainingJobName]
        raise ClientError(
            {"Error": {"Code": "ValidationException", "Message": "Requested resource not found."}},
            "DescribeTrainingJob",
        )

    def create_training_job(self, *, TrainingJobName: str, **request: Any) -> None:
        self._refuse("CreateTrainingJob")
        assert TrainingJobName not in self.jobs, "SageMaker never frees a name"
        self.jobs[TrainingJobName] = {
            "TrainingJobName": TrainingJobName,
            "TrainingJobStatus": "InProgress",
            "SecondaryStatus": "Starting",
            "request": request,
        }

    def stop_training_job(self, *, TrainingJobName: str) -> None:
        self.stopped.append(TrainingJobName)
        self.jobs[TrainingJobName]["TrainingJobStatus"] = "Stopping"

    def end(self, name: str, status: str, **more: Any) -> None:
        self.jobs[name].update(
            {"TrainingJobStatus": status, "SecondaryStatus": status} | more,
        )

    def complete(self, name: str) -> None:
        boto3.client("s3", region_name="us-east-1").put_object(
            Bucket="artifacts", Key=MODEL_KEY, Body=b"model"
        )
        self.end(
            name,
            "Completed",
            ModelArtifacts={"S3ModelArtifacts": f"s3://artifacts/{MODEL_KEY}"},
            FinalMetricDataList=[
                {"MetricName": "train:accuracy", "Value": 1.0},
                {"MetricName": "validation:accuracy", "Value": 0.915},
            ],
        )


class Clock:
    """A clock that only sleeping moves, in place of the module `time`."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def handler(import_handler: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    with mock_aws():
        module = import_handler("training_job")
        module.s3.create_bucket(Bucket="data")
        module.s3.create_bucket(Bucket="artifacts")
        stage(module, "datasets/abc")
        monkeypatch.setattr(module, "sagemaker", SageMaker(module.sagemaker))
        monkeypatch.setattr(module, "time", Clock())
        yield module


def stage(
    handler: ModuleType, prefix: str, classes: tuple[str, ...] = ("bicycle", "motorcycle")
) -> None:
    manifest = {
        "classes": classes,
        "counts": {"train": dict.fromkeys(classes, 500), "validation": dict.fromkeys(classes, 100)},
    }
    handler.s3.put_object(Bucket="data", Key=f"{prefix}/manifest.json", Body=json.dumps(manifest))


def ask_for_job(handler: ModuleType, **changes: Any) -> dict[str, Any]:
    """What the framework hands to is_complete: the request and what on_event returned."""
    request = {"RequestType": "Create", "ResourceProperties": {**PROPERTIES, **changes}}
    event: dict[str, Any] = request | handler.on_event(request, None)
    return event


def create(handler: ModuleType, **changes: Any) -> str:
    name: str = ask_for_job(handler, **changes)["PhysicalResourceId"]
    return name


def request_of(handler: ModuleType, name: str) -> dict[str, Any]:
    request: dict[str, Any] = handler.sagemaker.jobs[name]["request"]
    return request


def ask(handler: ModuleType, name: str, request_type: str = "Create") -> dict[str, Any]:
    event = {
        "RequestType": request_type,
        "PhysicalResourceId": name,
        "ResourceProperties": PROPERTIES,
    }
    answer: dict[str, Any] = handler.is_complete(event, None)
    return answer


def test_create_starts_a_job_with_the_four_channels_and_the_manifests_counts(
    handler: ModuleType,
) -> None:
    name = create(handler)

    request = request_of(handler, name)
    assert name.startswith("scones-dev-")
    assert request["HyperParameters"] == {
        "num_layers": "18",
        "epochs": "30",
        "num_classes": "2",
        "num_training_samples": "1000",
    }
    assert {
        channel["ChannelName"]: channel["DataSource"]["S3DataSource"]["S3Uri"]
        for channel in request["InputDataConfig"]
    } == {
        "train": "s3://data/datasets/abc/train/",
        "validation": "s3://data/datasets/abc/validation/",
        "train_lst": "s3://data/datasets/abc/train.lst",
        "validation_lst": "s3://data/datasets/abc/validation.lst",
    }


def test_without_options_there_is_neither_spot_nor_a_model_channel(handler: ModuleType) -> None:
    request = request_of(handler, create(handler))

    assert request["StoppingCondition"] == {"MaxRuntimeInSeconds": 2700}
    assert len(request["InputDataConfig"]) == 4
    assert request.keys().isdisjoint({"EnableManagedSpotTraining", "CheckpointConfig"})


def test_spot_training_waits_as_long_as_is_set_and_has_checkpoints_of_its_own(
    handler: ModuleType,
) -> None:
    name = create(handler, Spot=SPOT)

    request = request_of(handler, name)
    assert request["EnableManagedSpotTraining"] is True
    assert request["StoppingCondition"] == {
        "MaxRuntimeInSeconds": 2700,
        "MaxWaitTimeInSeconds": 3000,
    }
    assert request["CheckpointConfig"] == {"S3Uri": f"s3://artifacts/checkpoints/{name}"}


def test_another_attempt_resumes_from_the_checkpoints_of_the_first(handler: ModuleType) -> None:
    first = create(handler, Spot=SPOT)
    handler.sagemaker.end(first, "Stopped")

    second = create(handler, Spot=SPOT)

    assert second == f"{first}-2"
    assert (
        request_of(handler, second)["CheckpointConfig"]
        == request_of(handler, first)["CheckpointConfig"]
    )


def test_an_earlier_model_is_a_channel_of_its_own_type(handler: ModuleType) -> None:
    request = request_of(handler, create(handler, InitialModelDataUrl=INITIAL_MODEL))

    types = {
        channel["ChannelName"]: channel["ContentType"] for channel in request["InputDataConfig"]
    }
    assert types == {
        "train": "application/x-image",
        "validation": "application/x-image",
        "train_lst": "application/x-image",
        "validation_lst": "application/x-image",
        "model": "application/x-sagemaker-model",
    }
    assert request["InputDataConfig"][-1]["DataSource"]["S3DataSource"]["S3Uri"] == INITIAL_MODEL


@pytest.mark.parametrize(
    ("keys", "output", "volume"),
    [({}, None, None), ({"OutputKmsKeyId": KEY}, KEY, None), (KEYS, KEY, KEY)],
)
def test_output_and_volumes_have_the_keys_that_are_given(
    handler: ModuleType, keys: dict[str, str], output: str | None, volume: str | None
) -> None:
    request = request_of(handler, create(handler, **keys))

    assert request["OutputDataConfig"].get("KmsKeyId") == output
    assert request["ResourceConfig"].get("VolumeKmsKeyId") == volume


@pytest.mark.parametrize(
    "options", [{}, {"Spot": SPOT, "InitialModelDataUrl": INITIAL_MODEL, **KEYS}]
)
def test_the_request_is_one_that_botocore_accepts(
    handler: ModuleType, options: dict[str, Any]
) -> None:
    name = create(handler, **options)

    client = boto3.client("sagemaker", region_name="us-east-1")
    client.create_training_job(TrainingJobName=name, **request_of(handler, name))


def test_a_running_job_of_the_same_inputs_is_awaited(handler: ModuleType) -> None:
    assert create(handler) == create(handler)
    assert len(handler.sagemaker.jobs) == 1


def test_a_completed_job_of_the_same_inputs_is_reused(handler: ModuleType) -> None:
    name = create(handler)
    handler.sagemaker.complete(name)

    assert create(handler) == name


@pytest.mark.parametrize(
    "changes",
    [
        {"InstanceType": "ml.g5.xlarge"},
        {"HyperParameters": {"num_layers": "34", "epochs": "30"}},
        {"DatasetPrefix": "datasets/def"},
        {"OutputPath": "s3://artifacts/elsewhere"},
        {"MaxRuntimeInSeconds": "60"},
        {"Spot": SPOT},
        {"InitialModelDataUrl": INITIAL_MODEL},
        {"OutputKmsKeyId": KEY},
    ],
)
def test_other_inputs_are_another_job(handler: ModuleType, changes: dict[str, Any]) -> None:
    stage(handler, "datasets/def")

    assert create(handler) != create(handler, **changes)


def test_other_tags_are_no_other_job(handler: ModuleType) -> None:
    name = create(handler)

    assert create(handler, Tags=[{"Key": "owner", "Value": "somebody"}]) == name
    assert handler.sagemaker.jobs[name]["request"]["Tags"] == PROPERTIES["Tags"]


@pytest.mark.parametrize("status", ["Failed", "Stopped"])
def test_a_job_that_ended_badly_is_followed_by_another_attempt(
    handler: ModuleType, status: str
) -> None:
    name = create(handler)
    handler.sagemaker.end(name, status)

    second = create(handler)
    handler.sagemaker.end(second, "Failed")

    assert (second, create(handler)) == (f"{name}-2", f"{name}-3")


def test_the_attempt_after_a_stopping_job_starts_when_that_has_ended(handler: ModuleType) -> None:
    first = create(handler, Spot=SPOT)
    handler.sagemaker.end(first, "Stopping")

    event = ask_for_job(handler, Spot=SPOT)

    second = event["PhysicalResourceId"]
    assert second == f"{first}-2"
    assert handler.is_complete(event, None) == {"IsComplete": False}
    assert list(handler.sagemaker.jobs) == [first]
    handler.sagemaker.end(first, "Stopped")
    assert handler.is_complete(event, None) == {"IsComplete": False}
    assert request_of(handler, second) == request_of(handler, first)
    assert handler.is_complete(event, None) == {"IsComplete": False}
    handler.sagemaker.complete(second)
    assert handler.is_complete(event, None)["Data"]["TrainingJobName"] == second
    assert handler.sagemaker.stopped == []


def test_a_running_attempt_is_awaited_although_an_earlier_one_is_stopping(
    handler: ModuleType,
) -> None:
    first = create(handler)
    handler.sagemaker.end(first, "Failed")
    second = create(handler)
    handler.sagemaker.end(first, "Stopping")

    assert create(handler) == second


# As AWS words them; that of the role's policy hides behind the objects it cannot list.
NO_ROLE = (
    f"Could not assume role {ROLE}. Please ensure that the role exists and allows principal "
    "'sagemaker.amazonaws.com' to assume the role."
)
NO_POLICY = (
    'No S3 objects found under S3 URL "s3://data/datasets/abc/train/" given in input data source. '
    "Please ensure that the bucket exists in the selected region (us-east-1), that objects exist "
    f'under that S3 prefix, and that the role "{ROLE}" has "s3:ListBucket" permissions on bucket '
    '"data".'
)
NO_GRANT = f"User: me is not authorized to perform: iam:PassRole on resource: {ROLE}"
UNSETTLED = [
    ("CreateTrainingJob", "ValidationException", NO_ROLE),
    ("CreateTrainingJob", "ValidationException", NO_POLICY),
    ("CreateTrainingJob", "AccessDeniedException", NO_GRANT),
    ("DescribeTrainingJob", "AccessDeniedException", "User: me is not authorized to perform: ..."),
]


@pytest.mark.parametrize("refusal", UNSETTLED)
def test_what_iam_refuses_at_first_is_asked_for_again(
    handler: ModuleType, refusal: tuple[str, str, str], caplog: pytest.LogCaptureFixture
) -> None:
    handler.sagemaker.refusals = [refusal] * 3

    name = create(handler)

    assert handler.sagemaker.jobs[name]["TrainingJobStatus"] == "InProgress"
    assert (
        caplog.messages.count(
            "IAM may not have settled, retrying in 5 s: An error occurred "
            f"({refusal[1]}) when calling the {refusal[0]} operation: {refusal[2]}"
        )
        == 3
    )


def test_is_complete_waits_for_its_own_role(handler: ModuleType) -> None:
    name = create(handler)
    handler.sagemaker.refusals = [UNSETTLED[-1]] * 3

    assert ask(handler, name) == {"IsComplete": False}


@pytest.mark.parametrize("refusal", UNSETTLED)
def test_what_iam_still_refuses_after_a_minute_fails(
    handler: ModuleType, refusal: tuple[str, str, str]
) -> None:
    handler.sagemaker.refusals = [refusal] * 99

    with pytest.raises(ClientError, match=re.escape(refusal[2])):
        create(handler)

    assert 60 <= handler.time.now <= 65


@pytest.mark.parametrize(
    ("operation", "code", "message"),
    [
        ("CreateTrainingJob", "ResourceLimitExceeded", "The account-level service limit ..."),
        ("CreateTrainingJob", "ValidationException", "Invalid hyperparameter"),
        ("DescribeTrainingJob", "ValidationException", "Training image not found"),
        ("DescribeTrainingJob", "ThrottlingException", "Rate exceeded"),
    ],
)
def test_other_errors_fail_at_once(
    handler: ModuleType, operation: str, code: str, message: str
) -> None:
    handler.sagemaker.refusals = [(operation, code, message)]

    with pytest.raises(ClientError, match=re.escape(message)):
        create(handler)

    assert handler.time.now == 0
    assert handler.sagemaker.jobs == {}


def test_a_job_that_was_started_by_a_call_without_an_answer_is_awaited(
    handler: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = handler.sagemaker.create_training_job

    def start_and_refuse(**request: Any) -> None:
        start(**request)
        raise handler.sagemaker.exceptions.ResourceInUse(
            {"Error": {"Code": "ResourceInUse", "Message": "Training job names must be unique"}},
            "CreateTrainingJob",
        )

    monkeypatch.setattr(handler.sagemaker, "create_training_job", start_and_refuse)

    assert ask(handler, create(handler)) == {"IsComplete": False}


def test_a_job_whose_model_is_gone_is_run_again(handler: ModuleType) -> None:
    name = create(handler)
    handler.sagemaker.complete(name)
    boto3.client("s3", region_name="us-east-1").delete_object(Bucket="artifacts", Key=MODEL_KEY)

    assert create(handler) == f"{name}-2"


def test_nothing_staged_is_refused_with_the_remedy(handler: ModuleType) -> None:
    with pytest.raises(DatasetNotUsable, match=r"not-staged.*scones stage"):
        create(handler, DatasetPrefix="not-staged")


def test_a_dataset_of_other_classes_is_refused(handler: ModuleType) -> None:
    stage(handler, "datasets/swapped", classes=("motorcycle", "bicycle"))

    with pytest.raises(DatasetNotUsable, match=r"\['motorcycle', 'bicycle'\]"):
        create(handler, DatasetPrefix="datasets/swapped")


def test_a_job_in_progress_is_not_complete(handler: ModuleType) -> None:
    assert ask(handler, create(handler)) == {"IsComplete": False}


def test_a_completed_job_gives_its_attributes(handler: ModuleType) -> None:
    name = create(handler)
    handler.sagemaker.complete(name)

    assert ask(handler, name) == {
        "IsComplete": True,
        "Data": {
            "TrainingJobName": name,
            "ModelDataUrl": f"s3://artifacts/{MODEL_KEY}",
            "ValidationAccuracy": "0.9150",
            "Classes": "bicycle,motorcycle",
        },
    }


@pytest.mark.parametrize("status", ["Failed", "Stopped"])
def test_a_failed_job_says_why(handler: ModuleType, status: str) -> None:
    name = create(handler)
    handler.sagemaker.end(name, status, FailureReason="ClientError: no data")

    with pytest.raises(handler.TrainingFailed, match=f"{name} is {status}: ClientError: no data"):
        ask(handler, name)


def test_a_job_that_ran_out_of_time_says_of_which(handler: ModuleType) -> None:
    name = create(handler, Spot=SPOT)
    handler.sagemaker.end(name, "Stopped", SecondaryStatus="MaxWaitTimeExceeded")

    with pytest.raises(handler.TrainingFailed, match=f"{name} is Stopped: MaxWaitTimeExceeded"):
        ask(handler, name)


def delete(handler: ModuleType, name: str) -> None:
    event = {
        "RequestType": "Delete",
        "PhysicalResourceId": name,
        "ResourceProperties": PROPERTIES,
    }
    assert handler.on_event(event, None) == {"PhysicalResourceId": name}


def test_delete_stops_a_running_job_and_waits_for_it(handler: ModuleType) -> None:
    name = create(handler)

    delete(handler, name)

    assert ask(handler, name, "Delete") == {"IsComplete": False}
    assert ask(handler, name, "Delete") == {"IsComplete": False}
    assert handler.sagemaker.stopped == [name]
    handler.sagemaker.end(name, "Stopped")
    assert ask(handler, name, "Delete") == {"IsComplete": True}


def test_delete_leaves_a_completed_job_alone_and_tolerates_a_gone_one(handler: ModuleType) -> None:
    name = create(handler)
    handler.sagemaker.complete(name)

    for each in (name, "scones-dev-gone"):
        delete(handler, each)
        assert ask(handler, each, "Delete") == {"IsComplete": True}

    assert handler.sagemaker.stopped == []


def test_delete_of_a_cancelled_creation_stops_the_job_it_had_started(handler: ModuleType) -> None:
    first = create(handler)
    handler.sagemaker.end(first, "Failed")
    second = create(handler)
    of_cloudformation = "Scones-dev-Training-TrainingJobResource-1A2B3C"

    delete(handler, of_cloudformation)

    assert ask(handler, of_cloudformation, "Delete") == {"IsComplete": False}
    assert handler.sagemaker.stopped == [second]
    handler.sagemaker.end(second, "Stopped")
    assert ask(handler, of_cloudformation, "Delete") == {"IsComplete": True}


def test_delete_of_a_creation_that_started_nothing_is_complete(handler: ModuleType) -> None:
    of_cloudformation = "Scones-dev-Training-TrainingJobResource-1A2B3C"
    delete(handler, of_cloudformation)
    assert ask(handler, of_cloudformation, "Delete") == {"IsComplete": True}

    boto3.client("s3", region_name="us-east-1").delete_object(
        Bucket="data", Key="datasets/abc/manifest.json"
    )

    assert ask(handler, of_cloudformation, "Delete") == {"IsComplete": True}
    assert handler.sagemaker.stopped == []


def test_delete_stops_an_attempt_that_its_creation_started_meanwhile(handler: ModuleType) -> None:
    first = create(handler)
    handler.sagemaker.end(first, "Stopping")
    creation = ask_for_job(handler)
    of_cloudformation = "Scones-dev-Training-TrainingJobResource-1A2B3C"
    delete(handler, of_cloudformation)
    assert ask(handler, of_cloudformation, "Delete") == {"IsComplete": False}

    handler.sagemaker.end(first, "Stopped")
    handler.is_complete(creation, None)

    assert ask(handler, of_cloudformation, "Delete") == {"IsComplete": False}
    assert handler.sagemaker.stopped == [creation["PhysicalResourceId"]]


# --- what is not as it should be -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"InstanceCount": "many"}, "InstanceCount is 'many'; expected a whole number"),
        ({"InstanceCount": "0"}, "InstanceCount is '0'; expected a whole number of 1 or more"),
        ({"VolumeSizeInGB": None}, "VolumeSizeInGB is None; expected a text"),
        ({"HyperParameters": {"epochs": 3}}, "epochs is 3; expected a text"),
        ({"Classes": "bicycle"}, "Classes is 'bicycle'; expected a list"),
        ({"DataBucket": "s3://data"}, "DataBucket is 's3://data'; expected the name of a general"),
        ({"Spot": ["yes"]}, r"Spot is \['yes'\]; expected an object"),
    ],
)
def test_a_property_of_another_type_is_named(
    handler: ModuleType, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidEvent, match=f"^{message}"):
        create(handler, **changes)


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[" * 100_000,
        b'{"classes": ["bicycle", "motorcycle"]}',
        b'{"classes": ["bicycle", "motorcycle"], "counts": {"train": {"bicycle": "many"}}}',
        b'{"classes": [1, 2], "counts": {"train": {}}}',
    ],
    ids=["cut off", "nested", "without counts", "counts of text", "classes of numbers"],
)
def test_a_damaged_dataset_is_to_be_staged_again(handler: ModuleType, content: bytes) -> None:
    handler.s3.put_object(Bucket="data", Key="datasets/abc/manifest.json", Body=content)

    with pytest.raises(
        DatasetNotUsable, match=r"manifest.json (is damaged: .*|has the classes .*); stage the data"
    ):
        create(handler)


@fuzzed
@given(
    event=mutated(
        {
            "RequestType": "Create",
            "PhysicalResourceId": "scones-dev-1",
            "StartAfter": "scones-dev-0",
            "ResourceProperties": {**PROPERTIES, **KEYS, "Spot": SPOT},
        }
    ),
    kind=st.sampled_from(["Create", "Update", "Delete"]),
)
def test_any_event_starts_a_job_or_has_a_named_error(
    handler: ModuleType, event: Mutated, kind: str
) -> None:
    if isinstance(event.value, dict) and event.value.get("RequestType") == "Create":
        event.value["RequestType"] = kind
    handler.sagemaker.jobs.clear()
    allowed = ("InvalidEvent", "DatasetNotUsable", "TrainingFailed", "NoSuchBucket")

    for function in (handler.on_event, handler.is_complete):
        answer = answered(function, event, *allowed)
        assert isinstance(answer, Exception) or answer.keys() & {"PhysicalResourceId", "IsComplete"}
