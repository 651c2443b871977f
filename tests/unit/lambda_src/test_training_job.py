import json
import re
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from lambda_src.shared.events import InvalidEvent
from lambda_src.shared.staged_dataset import DatasetNotUsable
from tests.unit.lambda_src import objects
from tests.unit.lambda_src.conftest import ImportHandler
from tests.unit.lambda_src.hostile import Mutated, answered, fuzzed, mutated

ROLE = "arn:aws:iam::111122223333:role/job"
MODEL_KEY = "models/job/output/model.tar.gz"
CLASSES = ["bicycle", "motorcycle"]
PROPERTIES = {
    "JobNamePrefix": "scones-dev",
    "TrainingImage": "111122223333.dkr.ecr.us-east-1.amazonaws.com/image-classification:1",
    "RoleArn": ROLE,
    "DataBucket": "data",
    "DatasetPrefix": "datasets/abc",
    "Classes": CLASSES,
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
# What CloudFormation calls a resource whose creation it cancelled.
MADE_UP = "Scones-dev-Training-TrainingJobResource-1A2B3C"
WAITING, DONE = {"IsComplete": False}, {"IsComplete": True}


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
        self.jobs[name].update({"TrainingJobStatus": status, "SecondaryStatus": status} | more)

    def complete(self, name: str) -> None:
        objects.put("artifacts", MODEL_KEY)
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


class Resource:
    """The custom resource, as CloudFormation and its framework call it."""

    def __init__(self, handler: Any, sagemaker: SageMaker, clock: Clock) -> None:
        self.handler, self.sagemaker, self.clock = handler, sagemaker, clock

    def ask_for_job(self, **changes: Any) -> dict[str, Any]:
        """What the framework hands to is_complete: the request and what on_event returned."""
        request = {"RequestType": "Create", "ResourceProperties": {**PROPERTIES, **changes}}
        event: dict[str, Any] = request | self.handler.on_event(request, None)
        return event

    def create(self, **changes: Any) -> str:
        name: str = self.ask_for_job(**changes)["PhysicalResourceId"]
        return name

    def request(self, name: str) -> dict[str, Any]:
        request: dict[str, Any] = self.sagemaker.jobs[name]["request"]
        return request

    def ask(self, name: str, request_type: str = "Create") -> dict[str, Any]:
        event = {
            "RequestType": request_type,
            "PhysicalResourceId": name,
            "ResourceProperties": PROPERTIES,
        }
        if request_type == "Delete":
            assert self.handler.on_event(event, None) == {"PhysicalResourceId": name}
        answer: dict[str, Any] = self.handler.is_complete(event, None)
        return answer


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


def stage(prefix: str, classes: list[str] = CLASSES) -> None:
    counts = {"train": dict.fromkeys(classes, 500), "validation": dict.fromkeys(classes, 100)}
    objects.put(
        "data", f"{prefix}/manifest.json", json.dumps({"classes": classes, "counts": counts})
    )


# --- the request ---------------------------------------------------------------------------------


def test_a_job_has_four_channels_and_the_manifests_counts(resource: Resource) -> None:
    name = resource.create()

    request = resource.request(name)
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
    assert request["StoppingCondition"] == {"MaxRuntimeInSeconds": 2700}
    assert request.keys().isdisjoint({"EnableManagedSpotTraining", "CheckpointConfig"})


def test_spot_training_waits_as_long_as_is_set_and_later_attempts_share_its_checkpoints(
    resource: Resource,
) -> None:
    name = resource.create(Spot=SPOT)

    request = resource.request(name)
    assert request["EnableManagedSpotTraining"] is True
    stopping = {"MaxRuntimeInSeconds": 2700, "MaxWaitTimeInSeconds": 3000}
    assert request["StoppingCondition"] == stopping
    assert request["CheckpointConfig"] == {"S3Uri": f"s3://artifacts/checkpoints/{name}"}
    resource.sagemaker.end(name, "Stopped")
    second = resource.create(Spot=SPOT)
    assert second == f"{name}-2"
    assert resource.request(second)["CheckpointConfig"] == request["CheckpointConfig"]


def test_an_earlier_model_is_a_channel_with_another_type(resource: Resource) -> None:
    *others, model = resource.request(resource.create(InitialModelDataUrl=INITIAL_MODEL))[
        "InputDataConfig"
    ]

    assert {each["ContentType"] for each in others} == {"application/x-image"}
    assert (model["ChannelName"], model["ContentType"]) == (
        "model",
        "application/x-sagemaker-model",
    )
    assert model["DataSource"]["S3DataSource"]["S3Uri"] == INITIAL_MODEL


@pytest.mark.parametrize(
    ("keys", "output", "volume"),
    [({}, None, None), ({"OutputKmsKeyId": KEY}, KEY, None), (KEYS, KEY, KEY)],
)
def test_output_and_volumes_have_the_keys_that_are_given(
    resource: Resource, keys: dict[str, str], output: str | None, volume: str | None
) -> None:
    request = resource.request(resource.create(**keys))

    assert request["OutputDataConfig"].get("KmsKeyId") == output
    assert request["ResourceConfig"].get("VolumeKmsKeyId") == volume


@pytest.mark.parametrize(
    "options", [{}, {"Spot": SPOT, "InitialModelDataUrl": INITIAL_MODEL, **KEYS}]
)
def test_the_request_is_one_that_botocore_accepts(
    resource: Resource, options: dict[str, Any]
) -> None:
    name = resource.create(**options)

    client = boto3.client("sagemaker", region_name="us-east-1")
    client.create_training_job(TrainingJobName=name, **resource.request(name))


# --- which job -----------------------------------------------------------------------------------


def test_a_running_or_completed_job_of_the_same_inputs_is_reused(resource: Resource) -> None:
    name = resource.create()
    assert resource.create() == name
    assert resource.create(Tags=[{"Key": "owner", "Value": "somebody"}]) == name
    resource.sagemaker.complete(name)

    assert resource.create() == name
    assert list(resource.sagemaker.jobs) == [name]
    assert resource.request(name)["Tags"] == PROPERTIES["Tags"]


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
def test_other_inputs_are_another_job(resource: Resource, changes: dict[str, Any]) -> None:
    stage("datasets/def")

    assert resource.create() != resource.create(**changes)


@pytest.mark.parametrize("status", ["Failed", "Stopped"])
def test_a_job_that_ended_badly_is_followed_by_another_attempt(
    resource: Resource, status: str
) -> None:
    name = resource.create()
    resource.sagemaker.end(name, status)

    second = resource.create()
    resource.sagemaker.end(second, "Failed")

    assert (second, resource.create()) == (f"{name}-2", f"{name}-3")


def test_a_job_whose_model_is_gone_is_run_again(resource: Resource) -> None:
    name = resource.create()
    resource.sagemaker.complete(name)
    objects.s3().delete_object(Bucket="artifacts", Key=MODEL_KEY)

    assert resource.create() == f"{name}-2"


def test_the_attempt_after_a_stopping_job_starts_when_that_has_ended(
    resource: Resource, sagemaker: SageMaker
) -> None:
    first = resource.create(Spot=SPOT)
    sagemaker.end(first, "Stopping")

    event = resource.ask_for_job(Spot=SPOT)

    second = event["PhysicalResourceId"]
    is_complete = resource.handler.is_complete
    assert second == f"{first}-2"
    assert is_complete(event, None) == WAITING
    assert list(sagemaker.jobs) == [first]
    sagemaker.end(first, "Stopped")
    assert is_complete(event, None) == WAITING
    assert resource.request(second) == resource.request(first)
    assert is_complete(event, None) == WAITING
    sagemaker.complete(second)
    assert is_complete(event, None)["Data"]["TrainingJobName"] == second
    assert sagemaker.stopped == []


def test_a_running_attempt_is_awaited_although_an_earlier_one_is_stopping(
    resource: Resource,
) -> None:
    first = resource.create()
    resource.sagemaker.end(first, "Failed")
    second = resource.create()
    resource.sagemaker.end(first, "Stopping")

    assert resource.create() == second


def test_a_job_that_was_started_by_a_call_without_an_answer_is_awaited(
    resource: Resource, sagemaker: SageMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = sagemaker.create_training_job

    def start_and_refuse(**request: Any) -> None:
        start(**request)
        raise sagemaker.exceptions.ResourceInUse(
            {"Error": {"Code": "ResourceInUse", "Message": "Training job names must be unique"}},
            "CreateTrainingJob",
        )

    monkeypatch.setattr(sagemaker, "create_training_job", start_and_refuse)

    assert resource.ask(resource.create()) == WAITING


# --- IAM -----------------------------------------------------------------------------------------

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
def test_what_iam_refuses_at_first_is_asked_for_again_for_a_minute(
    resource: Resource, refusal: tuple[str, str, str], caplog: pytest.LogCaptureFixture
) -> None:
    resource.sagemaker.refusals = [refusal] * 3

    name = resource.create()

    assert resource.sagemaker.jobs[name]["TrainingJobStatus"] == "InProgress"
    warning = (
        "IAM may not have settled, retrying in 5 s: An error occurred "
        f"({refusal[1]}) when calling the {refusal[0]} operation: {refusal[2]}"
    )
    assert caplog.messages.count(warning) == 3
    begun = resource.clock.now
    resource.sagemaker.refusals = [(refusal[0], *refusal[1:])] * 99
    with pytest.raises(ClientError, match=re.escape(refusal[2])):
        resource.create(InstanceType="ml.g5.xlarge")
    assert 60 <= resource.clock.now - begun <= 65


def test_is_complete_waits_for_its_own_role(resource: Resource) -> None:
    name = resource.create()
    resource.sagemaker.refusals = [UNSETTLED[-1]] * 3

    assert resource.ask(name) == WAITING


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
    resource: Resource, operation: str, code: str, message: str
) -> None:
    resource.sagemaker.refusals = [(operation, code, message)]

    with pytest.raises(ClientError, match=re.escape(message)):
        resource.create()

    assert resource.clock.now == 0
    assert resource.sagemaker.jobs == {}


# --- its end -------------------------------------------------------------------------------------


def test_a_job_is_complete_with_its_attributes(resource: Resource) -> None:
    name = resource.create()
    assert resource.ask(name) == WAITING
    resource.sagemaker.complete(name)

    attributes = {
        "TrainingJobName": name,
        "ModelDataUrl": f"s3://artifacts/{MODEL_KEY}",
        "ValidationAccuracy": "0.9150",
        "Classes": "bicycle,motorcycle",
    }
    assert resource.ask(name) == {"IsComplete": True, "Data": attributes}


@pytest.mark.parametrize(
    ("status", "more", "reason"),
    [
        ("Failed", {"FailureReason": "ClientError: no data"}, "ClientError: no data"),
        ("Stopped", {"FailureReason": "ClientError: no data"}, "ClientError: no data"),
        ("Stopped", {"SecondaryStatus": "MaxWaitTimeExceeded"}, "MaxWaitTimeExceeded"),
    ],
)
def test_a_failed_job_says_why(
    resource: Resource, status: str, more: dict[str, str], reason: str
) -> None:
    name = resource.create()
    resource.sagemaker.end(name, status, **more)

    with pytest.raises(resource.handler.TrainingFailed, match=f"{name} is {status}: {reason}"):
        resource.ask(name)


def test_delete_stops_a_running_job_and_waits_for_it(resource: Resource) -> None:
    name = resource.create()

    assert resource.ask(name, "Delete") == WAITING
    assert resource.ask(name, "Delete") == WAITING
    assert resource.sagemaker.stopped == [name]
    resource.sagemaker.end(name, "Stopped")
    assert resource.ask(name, "Delete") == DONE


def test_delete_leaves_a_completed_job_alone_and_tolerates_a_gone_one(resource: Resource) -> None:
    name = resource.create()
    resource.sagemaker.complete(name)

    assert resource.ask(name, "Delete") == resource.ask("scones-dev-gone", "Delete") == DONE
    assert resource.sagemaker.stopped == []


def test_delete_of_a_cancelled_creation_stops_the_job_it_had_started(resource: Resource) -> None:
    first = resource.create()
    resource.sagemaker.end(first, "Failed")
    second = resource.create()

    assert resource.ask(MADE_UP, "Delete") == WAITING
    assert resource.sagemaker.stopped == [second]
    resource.sagemaker.end(second, "Stopped")
    assert resource.ask(MADE_UP, "Delete") == DONE


def test_delete_of_a_creation_that_started_nothing_is_complete(resource: Resource) -> None:
    assert resource.ask(MADE_UP, "Delete") == DONE

    objects.s3().delete_object(Bucket="data", Key="datasets/abc/manifest.json")

    assert resource.ask(MADE_UP, "Delete") == DONE
    assert resource.sagemaker.stopped == []


def test_delete_stops_an_attempt_that_its_creation_started_meanwhile(resource: Resource) -> None:
    first = resource.create()
    resource.sagemaker.end(first, "Stopping")
    creation = resource.ask_for_job()
    assert resource.ask(MADE_UP, "Delete") == WAITING

    resource.sagemaker.end(first, "Stopped")
    resource.handler.is_complete(creation, None)

    assert resource.ask(MADE_UP, "Delete") == WAITING
    assert resource.sagemaker.stopped == [creation["PhysicalResourceId"]]


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
    resource: Resource, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidEvent, match=f"^{message}"):
        resource.create(**changes)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "does not exist"),
        (b"{", "is damaged"),
        (b"[" * 90_000, "is damaged"),
        (b'{"classes": ["bicycle", "motorcycle"]}', "is damaged: counts is None"),
        (
            b'{"classes": ["bicycle", "motorcycle"], "counts": {"train": {"bicycle": "many"}}}',
            "is damaged: bicycle is 'many'",
        ),
        (b'{"classes": [1, 2], "counts": {"train": {}}}', r"has the classes \[1, 2\]"),
        (b'{"classes": ["motorcycle", "bicycle"]}', r"has the classes \['motorcycle', 'bicycle'\]"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_an_unusable_dataset_is_to_be_staged(
    resource: Resource, content: bytes | None, says: str
) -> None:
    if content is not None:
        objects.put("data", "datasets/odd/manifest.json", content)

    with pytest.raises(
        DatasetNotUsable, match=f"^s3://data/datasets/odd/manifest.json {says}.*; stage .*scones st"
    ):
        resource.create(DatasetPrefix="datasets/odd")


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
    resource: Resource, event: Mutated, kind: str
) -> None:
    if isinstance(event.value, dict) and event.value.get("RequestType") == "Create":
        event.value["RequestType"] = kind
    resource.sagemaker.jobs.clear()
    allowed = ("InvalidEvent", "DatasetNotUsable", "TrainingFailed", "NoSuchBucket")

    for function in (resource.handler.on_event, resource.handler.is_complete):
        answer = answered(function, event, *allowed)
        assert isinstance(answer, Exception) or answer.keys() & {"PhysicalResourceId", "IsComplete"}
