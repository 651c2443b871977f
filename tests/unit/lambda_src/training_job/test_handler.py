import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.unit.lambda_src import objects
from tests.unit.lambda_src.training_job.resource import (
    DONE,
    INITIAL_MODEL,
    KEY,
    MADE_UP,
    MODEL_KEY,
    PROPERTIES,
    ROLE,
    SPOT,
    WAITING,
    Resource,
    SageMaker,
    stage,
)

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
    # S3's codes, of the manifest and of the model.
    ("DescribeTrainingJob", "AccessDenied", "Access Denied"),
    ("DescribeTrainingJob", "403", "Forbidden"),
]


@pytest.mark.parametrize("refusal", UNSETTLED)
def test_what_iam_refuses_at_first_is_asked_for_again_for_a_minute(
    resource: Resource, refusal: tuple[str, str, str], caplog: pytest.LogCaptureFixture
) -> None:
    operation, code, message = refusal
    resource.sagemaker.refusals = [refusal] * 3

    name = resource.create()

    assert resource.sagemaker.jobs[name]["TrainingJobStatus"] == "InProgress"
    error = f"An error occurred ({code}) when calling the {operation} operation: {message}"
    warning = f"IAM may not have settled, retrying in 5 s: {error}"
    assert caplog.messages.count(warning) == 3
    begun = resource.clock.now
    resource.sagemaker.refusals = [refusal] * 99
    with pytest.raises(ClientError, match=re.escape(message)):
        resource.create(InstanceType="ml.g5.xlarge")
    assert 60 <= resource.clock.now - begun <= 65


def test_is_complete_waits_for_its_own_role(resource: Resource) -> None:
    name = resource.create()
    resource.sagemaker.refusals = [UNSETTLED[3]] * 3

    assert resource.ask(name) == WAITING


@pytest.mark.parametrize(
    "refusal",
    [
        ("CreateTrainingJob", "ResourceLimitExceeded", "The account-level service limit ..."),
        ("CreateTrainingJob", "ValidationException", "Invalid hyperparameter"),
        ("DescribeTrainingJob", "ValidationException", "Training image not found"),
        ("DescribeTrainingJob", "ThrottlingException", "Rate exceeded"),
    ],
)
def test_other_errors_fail_at_once(resource: Resource, refusal: tuple[str, str, str]) -> None:
    resource.sagemaker.refusals = [refusal]

    with pytest.raises(ClientError, match=re.escape(refusal[2])):
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
