"""What the batch transform asks of SageMaker; tests/local/deployed follows its state machine."""

from typing import Any

import pytest
from aws_cdk.assertions import Template

from lambda_src.shared.picture_steps import MAX_IMAGE_BYTES
from lambda_src.shared.result_summary import MAX_NAMED
from stacks.constructs.common.state_machine import CRASHES, LAMBDA_ERRORS
from stacks.constructs.notifications import messages
from tests.infrastructure.synthesis import Templates, definition, states
from tests.infrastructure.templates import VARIED, templates_with

MINUTE = 60


def transform_states(template: Template) -> dict[str, Any]:
    return states(template, notice="BatchTransform")


def test_only_the_data_bucket_sends_events(templates: Templates, environment: str) -> None:
    buckets = templates(environment)["Storage"].find_resources("AWS::S3::Bucket")

    (sending,) = (
        name
        for name, bucket in buckets.items()
        if "NotificationConfiguration" in bucket["Properties"]
    )
    assert sending.startswith("DataBucket")


def test_the_request_is_for_one_picture_each(templates: Templates) -> None:
    request = transform_states(templates("dev")["Batch"])["Transform"]["Arguments"]

    assert request["BatchStrategy"] == "SingleRecord"
    source = request["TransformInput"]
    assert source["ContentType"] == "application/x-image"
    assert (source["SplitType"], source["CompressionType"]) == ("None", "None")
    assert request["MaxPayloadInMB"] << 20 == MAX_IMAGE_BYTES
    assert {"Key": "environment", "Value": "dev"} in request["Tags"]
    assert "KmsKeyId" not in request["TransformOutput"]
    encrypted = transform_states(templates("prod")["Batch"])["Transform"]["Arguments"]
    assert "KmsKeyId" in encrypted["TransformOutput"]


def test_the_settings_choose_the_instances_and_how_long_they_run() -> None:
    batch, chosen = templates_with(**VARIED)["Batch"], VARIED["batch_transform"]
    limit = chosen["max_runtime_minutes"] * MINUTE

    transform = transform_states(batch)["Transform"]
    assert transform["Arguments"]["TransformResources"] == {
        "InstanceType": chosen["instance_type"],
        "InstanceCount": chosen["instance_count"],
    }
    assert transform["TimeoutSeconds"] == limit
    waits = sum(
        retry["IntervalSeconds"] * retry["MaxAttempts"]
        for retry in transform["Retry"]
        if retry["BackoffRate"] == 1
    )
    assert definition(batch, notice="BatchTransform")["TimeoutSeconds"] > limit + waits


@pytest.mark.parametrize(("values", "minutes", "seconds"), [({}, 240, 30), (VARIED, 7200, 432)])
def test_a_job_is_looked_at_as_often_as_a_history_allows(
    values: dict[str, Any], minutes: int, seconds: int
) -> None:
    batch = templates_with(**values)["Batch"]

    assert transform_states(batch)["Wait for the job"]["Seconds"] == seconds
    looks, events_each, most_events = minutes * MINUTE / seconds, 9, 25_000
    assert looks * events_each < most_events / 2


def test_no_error_starts_a_second_job(templates: Templates) -> None:
    tasks = {
        name: {error for retry in state["Retry"] for error in retry["ErrorEquals"]}
        for name, state in transform_states(templates("dev")["Batch"]).items()
        if state["Type"] == "Task"
    }

    for name in ("Check manifest", "Write predictions"):
        assert tasks[name] == {*LAMBDA_ERRORS, *CRASHES}
    assert not {"States.ALL", "States.TaskFailed", "States.Timeout"} & tasks["Transform"]


def test_handler_and_message_name_as_many_pictures() -> None:
    assert MAX_NAMED == messages.MAX_NAMED
