"""The batch transform: what starts it, and what it asks of SageMaker."""

import json
from typing import Any

import pytest
from aws_cdk.assertions import Template

from lambda_src.shared.picture_steps import MAX_IMAGE_BYTES
from lambda_src.shared.result_summary import MAX_NAMED
from stacks.constructs.common.state_machine import CRASHES, LAMBDA_ERRORS
from stacks.constructs.notifications import messages
from tests.infrastructure.synthesis import Templates, state_machine, states
from tests.infrastructure.templates import templates_with

MINUTE = 60


def transform_of(template: Template) -> dict[str, Any]:
    transform: dict[str, Any] = states(template, notice="BatchTransform")["Transform"]
    return transform


def test_a_manifest_in_the_data_bucket_starts_it(templates: Templates, environment: str) -> None:
    stacks = templates(environment)

    (rule,) = (
        rule["Properties"]
        for rule in stacks["Batch"].find_resources("AWS::Events::Rule").values()
        if rule["Properties"]["EventPattern"]["source"] == ["aws.s3"]
    )
    pattern = rule["EventPattern"]
    assert pattern["detail-type"] == ["Object Created"]
    assert pattern["detail"]["object"] == {"key": [{"prefix": "batch/input/"}]}
    (bucket,) = pattern["detail"]["bucket"]["name"]
    assert "DataBucket" in bucket["Fn::ImportValue"]
    (target,) = rule["Targets"]
    assert target["Arn"]["Ref"].startswith("BatchTransformStateMachine")
    assert target["InputPath"] == "$.detail"


def test_only_the_data_bucket_sends_events(templates: Templates, environment: str) -> None:
    buckets = templates(environment)["Storage"].find_resources("AWS::S3::Bucket")

    sending = {
        name: bucket["Properties"]["NotificationConfiguration"]
        for name, bucket in buckets.items()
        if "NotificationConfiguration" in bucket["Properties"]
    }
    ((name, configuration),) = sending.items()
    assert name.startswith("DataBucket")
    assert configuration == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}


@pytest.mark.parametrize("endpoint", [{"enabled": True}, {"enabled": False}], ids=str)
def test_the_models_name_is_read_when_a_job_starts(endpoint: dict[str, Any]) -> None:
    templates = templates_with(endpoint=endpoint)

    (parameter,) = templates["Inference"].find_resources("AWS::SSM::Parameter").values()
    assert parameter["Properties"]["Name"] == "/scones/test/model/name"
    model, attribute = parameter["Properties"]["Value"]["Fn::GetAtt"]
    assert model.startswith("ImageEndpointModel") and attribute == "ModelName"
    by_name = states(templates["Batch"], notice="BatchTransform")
    assert by_name["Read model name"]["Arguments"] == {"Name": "/scones/test/model/name"}


def test_the_request_is_for_one_picture_each(templates: Templates) -> None:
    request = transform_of(templates("dev")["Batch"])["Arguments"]

    assert request["BatchStrategy"] == "SingleRecord"
    source = request["TransformInput"]
    assert source["ContentType"] == "application/x-image"
    assert (source["SplitType"], source["CompressionType"]) == ("None", "None")
    assert source["DataSource"]["S3DataSource"]["S3DataType"] == "ManifestFile"
    assert request["TransformOutput"]["Accept"] == "application/jsonlines"
    assert request["MaxPayloadInMB"] << 20 == MAX_IMAGE_BYTES
    assert {"Key": "environment", "Value": "dev"} in request["Tags"]
    assert "KmsKeyId" not in request["TransformOutput"]
    assert "KmsKeyId" in transform_of(templates("prod")["Batch"])["Arguments"]["TransformOutput"]


def test_the_settings_choose_the_instances_and_how_long_they_run() -> None:
    batch = templates_with(
        batch_transform={
            "instance_type": "ml.g5.xlarge",
            "instance_count": 3,
            "max_runtime_minutes": 30,
        }
    )["Batch"]

    transform = transform_of(batch)
    assert transform["Arguments"]["TransformResources"] == {
        "InstanceType": "ml.g5.xlarge",
        "InstanceCount": 3,
    }
    assert transform["TimeoutSeconds"] == 30 * MINUTE
    waits = sum(
        retry["IntervalSeconds"] * retry["MaxAttempts"]
        for retry in transform["Retry"]
        if retry["BackoffRate"] == 1
    )
    definition = "".join(
        part
        for part in state_machine(batch, notice="BatchTransform")["DefinitionString"]["Fn::Join"][1]
        if isinstance(part, str)
    )
    assert json.loads(definition)["TimeoutSeconds"] > 30 * MINUTE + waits


def transform_states(templates: Templates, environment: str = "dev") -> dict[str, Any]:
    return states(templates(environment)["Batch"], notice="BatchTransform")


def test_a_job_that_the_state_lost_sight_of_is_followed_to_its_end(templates: Templates) -> None:
    by_name = transform_states(templates)

    (catch,) = by_name["Transform"]["Catch"]
    assert catch["ErrorEquals"] == ["States.TaskFailed", "States.Timeout"]
    describe = by_name[catch["Next"]]
    assert describe["Resource"].endswith(":states:::aws-sdk:sagemaker:describeTransformJob")
    assert describe["Arguments"] == {"TransformJobName": "{% $run.job %}"}
    look = by_name[describe["Next"]]
    ended, overdue = (choice["Next"] for choice in look["Choices"])
    assert ended == "Write predictions"
    stop = by_name[overdue]
    assert stop["Resource"].endswith(":states:::aws-sdk:sagemaker:stopTransformJob")
    assert stop["Arguments"] == describe["Arguments"]
    # Stopped or not, the next poll shows how it ended.
    wait = by_name[look["Default"]]
    assert {stop["Next"], stop["Catch"][0]["Next"]} == {look["Default"]}
    assert (wait["Type"], by_name[wait["Next"]]) == ("Wait", describe)
    assert by_name["Write predictions"]["Next"] == "All accepted?"


def test_without_a_job_it_fails_with_the_error_that_was_caught(templates: Templates) -> None:
    by_name = transform_states(templates)

    (catch,) = by_name["Describe job"]["Catch"]
    choice = by_name[catch["Next"]]
    assert choice["Choices"][0]["Next"] == "Wait for the job"
    fail = by_name[choice["Default"]]
    assert (fail["Type"], fail["Error"], fail["Cause"]) == (
        "Fail",
        "{% $errorName %}",
        "{% $errorCause %}",
    )


@pytest.mark.parametrize(("minutes", "seconds"), [(10, 30), (240, 30), (7200, 432)])
def test_a_job_is_looked_at_as_often_as_a_history_allows(minutes: int, seconds: int) -> None:
    batch = templates_with(batch_transform={"max_runtime_minutes": minutes})["Batch"]

    assert states(batch, notice="BatchTransform")["Wait for the job"]["Seconds"] == seconds
    looks, events_each, most_events = minutes * MINUTE / seconds, 9, 25_000
    assert looks * events_each < most_events / 2


def test_an_event_that_another_execution_has_starts_nothing(templates: Templates) -> None:
    by_name = transform_states(templates)

    choice = by_name[by_name["Check manifest"]["Next"]]
    first, usable = choice["Choices"]
    assert first["Condition"] == "{% $exists($states.input.duplicate_of) %}"
    assert by_name[first["Next"]]["Type"] == "Succeed"
    assert usable["Next"] == "Read model name"


def test_an_input_that_is_no_event_is_refused_first(templates: Templates) -> None:
    by_name = transform_states(templates)

    choice = by_name[by_name["Read event"]["Next"]]
    problem, folder = (by_name[each["Next"]] for each in choice["Choices"])
    assert (problem["Type"], problem["Error"]) == ("Fail", "InvalidInput")
    assert folder["Type"] == "Succeed"
    assert choice["Default"] == "Check manifest"


def test_every_task_is_tried_again(templates: Templates) -> None:
    tasks = {
        name: [error for retry in state["Retry"] for error in retry["ErrorEquals"]]
        for name, state in transform_states(templates).items()
        if state["Type"] == "Task"
    }

    anything = {"Read model name", "Describe job", "Stop job", "Notify"}
    assert {name for name, errors in tasks.items() if errors == ["States.ALL"]} == anything
    assert tasks.keys() - anything == {"Check manifest", "Transform", "Write predictions"}
    for name in ("Check manifest", "Write predictions"):
        assert {*LAMBDA_ERRORS, *CRASHES} == set(tasks[name])
    # Each of these would be a job once more.
    assert not {"States.ALL", "States.TaskFailed", "States.Timeout"} & set(tasks["Transform"])


def test_handler_and_message_name_as_many_pictures() -> None:
    assert MAX_NAMED == messages.MAX_NAMED
