"""The application as the CDK CLI deploys it; the tests are in the order of its life."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from demo.cdk import CdkError
from demo.leftovers import leftovers
from monitoring import Skip, read
from settings import Settings
from settings.loader import validate
from tests.local.deployment import DEPLOY, Deployment

Messages = Callable[[], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def verdicts(deployment: Deployment) -> dict[str, str]:
    """Verdict by key of every validation picture, from one execution over all of them."""
    output = deployment.classify(*deployment.dataset.truth)
    return {result["body"]["s3_key"]: result["verdict"] for result in output["results"]}


@pytest.fixture
def messages(deployment: Deployment) -> Iterator[Messages]:
    """What the topic sent since the last call."""
    sqs, sns = deployment.cloud.client("sqs"), deployment.cloud.client("sns")
    url = sqs.create_queue(QueueName="test-messages")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    subscription = sns.subscribe(
        TopicArn=deployment.outputs("Workflow")["TopicArn"],
        Protocol="sqs",
        Endpoint=arn["Attributes"]["QueueArn"],
    )["SubscriptionArn"]

    def receive() -> list[dict[str, Any]]:
        received: list[dict[str, Any]] = []
        # Until nothing comes for 2 s: a notice is sent after the execution has ended.
        while batch := sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=2
        ).get("Messages"):
            received += [json.loads(message["Body"]) for message in batch]
        return received

    yield receive
    sns.unsubscribe(SubscriptionArn=subscription)
    sqs.delete_queue(QueueUrl=url)


def of(verdicts: dict[str, str], verdict: str) -> list[str]:
    return [key for key, its_verdict in verdicts.items() if its_verdict == verdict]


def test_drawn_pictures_are_accepted_and_rejected(verdicts: dict[str, str]) -> None:
    assert len(verdicts) == 200
    assert set(verdicts.values()) == {"accepted", "rejected"}


def test_accepted_pictures_are_right_and_nobody_is_notified(
    deployment: Deployment, verdicts: dict[str, str], messages: Messages
) -> None:
    keys = of(verdicts, "accepted")[:20]

    output = deployment.classify(*keys)

    assert output["counts"] == {"images": 20, "accepted": 20, "rejected": 0, "failed": 0}
    assert [result["body"]["s3_key"] for result in output["results"]] == keys
    right = [
        result["body"]["label"] == deployment.dataset.truth[result["body"]["s3_key"]]
        for result in output["results"]
    ]
    assert sum(right) >= 18
    assert messages() == []


def test_bad_pictures_do_not_hurt_the_good_ones(
    deployment: Deployment, verdicts: dict[str, str], messages: Messages
) -> None:
    s3 = deployment.cloud.client("s3")
    s3.put_object(Bucket=deployment.data_bucket, Key="odd/note.txt", Body=b"hello")
    s3.put_object(
        Bucket=deployment.data_bucket, Key="odd/cut.png", Body=b"\x89PNG\r\n\x1a\n" + b"?" * 50
    )
    accepted, rejected = of(verdicts, "accepted")[0], of(verdicts, "rejected")[0]

    output = deployment.classify(
        accepted, "odd/gone.png", "odd/note.txt", "odd/cut.png", rejected, accepted
    )

    assert output["counts"] == {"images": 6, "accepted": 2, "rejected": 1, "failed": 3}
    assert [(result["statusCode"], result.get("error")) for result in output["results"]] == [
        (200, None),
        (404, "ImageNotFound"),
        (415, "NotAnImage"),
        (422, "ImageRefused"),
        (406, None),
        (200, None),
    ]
    (message,) = messages()
    assert message["Subject"] == "Scones dev: 4 of 6 images need attention"
    text = message["Message"]
    assert "2 accepted, 1 rejected, 3 failed of 6 images." in text
    bucket = deployment.data_bucket
    for named in (
        f"s3://{bucket}/{rejected}\n    best class ",
        "below the threshold 0.93",
        f"s3://{bucket}/odd/gone.png\n    ImageNotFound: ",
        f"s3://{bucket}/odd/note.txt\n    NotAnImage: ",
        f"s3://{bucket}/odd/cut.png\n    ImageRefused: ",
        ":execution:",
    ):
        assert named in text
    assert f"s3://{bucket}/{accepted}" not in text


def test_a_long_list_is_cut_in_the_message(
    deployment: Deployment, verdicts: dict[str, str], messages: Messages
) -> None:
    keys = (of(verdicts, "rejected") * 25)[:25]

    deployment.classify(*keys)

    (message,) = messages()
    assert message["Message"].count("best class") == 20
    assert "... and 5 more" in message["Message"]


def test_the_students_single_event_is_taken(
    deployment: Deployment, verdicts: dict[str, str]
) -> None:
    image = deployment.image(of(verdicts, "accepted")[0])

    state = deployment.execute({"image_data": "", "inferences": [], **image})

    (result,) = json.loads(state["output"])["results"]
    assert result["statusCode"] == 200
    assert result["body"]["s3_key"] == image["s3_key"]


@pytest.mark.parametrize(
    ("event", "says"),
    [
        ({"images": "one.png"}, "images is of type string"),
        ({"images": [{}] * 501}, "501 images; an execution takes at most 500"),
    ],
)
def test_an_unusable_input_is_refused_in_words(
    deployment: Deployment, messages: Messages, event: dict[str, Any], says: str
) -> None:
    state = deployment.execute(event)

    assert (state["status"], state["error"]) == ("FAILED", "InvalidInput")
    assert says in state["cause"]
    (message,) = messages()
    assert message["Subject"] == "Scones dev: an execution failed"
    assert f"\nInvalidInput\n{state['cause']}\n" in message["Message"]
    assert state["executionArn"] in message["Message"]


def test_an_execution_that_dies_in_the_map_is_told_of_once(
    deployment: Deployment, messages: Messages
) -> None:
    # Just about fits as input; the results repeat the keys beside the errors.
    images = [deployment.image(f"{number:0400}") for number in range(500)]

    state = deployment.execute({"images": images})

    assert (state["status"], state["error"]) == ("FAILED", "States.DataLimitExceeded")
    (message,) = messages()
    assert message["Subject"] == "Scones dev: an execution failed"
    assert "\nStates.DataLimitExceeded\n" in message["Message"]


def test_a_stopped_execution_is_told_of_once(
    deployment: Deployment, verdicts: dict[str, str], messages: Messages
) -> None:
    client = deployment.cloud.client("stepfunctions")
    execution = deployment.start({"images": [deployment.image(key) for key in verdicts]})

    client.stop_execution(executionArn=execution)

    (message,) = messages()
    assert message["Subject"] == "Scones dev: an execution was stopped"
    assert message["Message"].splitlines() == [
        "An execution was stopped before it could report on its images.",
        "",
        "Its history says where it ended",
        execution,
    ]


def test_an_execution_out_of_time_is_told_of(deployment: Deployment, messages: Messages) -> None:
    detail = {
        "executionArn": "arn:aws:states:us-east-1:000000000000:execution:machine:slow",
        "stateMachineArn": deployment.outputs("Workflow")["StateMachineArn"],
        "status": "TIMED_OUT",
        "error": None,
        "cause": None,
    }

    # On the local cloud no execution runs out of time.
    notify_of(deployment, "aws.states", "Step Functions Execution Status Change", detail)

    (message,) = messages()
    assert message["Subject"] == "Scones dev: an execution ran out of time"
    assert detail["executionArn"] in message["Message"]


def test_an_alarm_of_the_stacks_is_told_of(deployment: Deployment, messages: Messages) -> None:
    cloudwatch = deployment.cloud.client("cloudwatch")
    alarms = cloudwatch.describe_alarms(AlarmNamePrefix=deployment.settings.stack_name(""))
    alarm = alarms["MetricAlarms"][0]
    detail = {
        "alarmName": alarm["AlarmName"],
        "state": {"value": "ALARM", "reason": "1 is above 0", "timestamp": "2026-01-01T00:00:00Z"},
        "configuration": {"description": alarm["AlarmDescription"]},
    }

    # The local cloud sends no event of an alarm; here is what its rule and its target make of one.
    notify_of(deployment, "aws.cloudwatch", "CloudWatch Alarm State Change", detail)

    (message,) = messages()
    assert message["Subject"] == "Scones dev: alarm"
    assert message["Message"] == (
        f"{alarm['AlarmName']}\n{alarm['AlarmDescription']}\n\n1 is above 0\n"
    )


def notify_of(
    deployment: Deployment, source: str, detail_type: str, detail: dict[str, Any]
) -> None:
    """Start the target of the only rule that matches the event, with its detail."""
    events = deployment.cloud.client("events")
    event = {
        "id": "1",
        "account": "000000000000",
        "region": "us-east-1",
        "time": "2026-01-01T00:00:00Z",
        "source": source,
        "detail-type": detail_type,
        "resources": [],
        "detail": detail,
    }
    (rule,) = (
        rule
        for rule in events.list_rules()["Rules"]
        if events.test_event_pattern(EventPattern=rule["EventPattern"], Event=json.dumps(event))[
            "Result"
        ]
    )
    (target,) = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
    deployment.cloud.client("stepfunctions").start_execution(
        stateMachineArn=target["Arn"], input=json.dumps(detail)
    )


def test_every_call_is_captured(deployment: Deployment, verdicts: dict[str, str]) -> None:
    location = deployment.outputs("Inference")["CaptureUri"]

    def count() -> int:
        skipped: list[Skip] = []
        records = list(
            read(location, on_skip=skipped.append, s3_client=deployment.cloud.client("s3"))
        )
        assert skipped == []
        assert all(len(record.probabilities or ()) == 2 for record in records)
        return len(records)

    before = settled(count)
    assert before >= len(verdicts)
    deployment.classify(*list(verdicts)[:7])
    assert settled(count) == before + 7


def settled(count: Callable[[], int]) -> int:
    """The count once it has not changed for 3 s: captures appear a little after the reply."""
    deadline = time.monotonic() + 30
    last = count()
    while time.monotonic() < deadline:
        time.sleep(3)
        now = count()
        if now == last:
            return now
        last = now
    raise AssertionError("captures still appear after 30 s")


def test_deploying_again_changes_and_trains_nothing(deployment: Deployment) -> None:
    jobs = deployment.training_jobs()

    output = deployment.cdk(*DEPLOY, "--all")

    assert output.count("(no changes)") == 4
    assert deployment.training_jobs() == jobs


def test_a_failed_training_is_the_stacks_error_and_the_endpoint_goes_on(
    deployment: Deployment, verdicts: dict[str, str]
) -> None:
    good = point_at_a_dataset_with_a_missing_picture(deployment)
    try:
        with pytest.raises(CdkError, match=r"(?s)training job scones-dev-\w+ is Failed.*gone\.png"):
            deployment.cdk(*DEPLOY, "--all")
    finally:
        deployment.point_at(good)

    (stack,) = deployment.cloud.client("cloudformation").describe_stacks(
        StackName=deployment.settings.stack_name("Training")
    )["Stacks"]
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert deployment.classify(of(verdicts, "accepted")[0])["counts"]["accepted"] == 1
    jobs = deployment.training_jobs()
    deployment.cdk(*DEPLOY, "--all")
    assert deployment.training_jobs() == jobs


def point_at_a_dataset_with_a_missing_picture(deployment: Deployment) -> str:
    """Gives the prefix that the pointer held before."""
    s3, bucket = deployment.cloud.client("s3"), deployment.data_bucket
    prefix = deployment.staged_prefix()
    keys = [
        entry["Key"].removeprefix(prefix)
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for entry in page["Contents"]
    ]
    for key in keys:
        s3.copy_object(
            Bucket=bucket, Key=f"datasets/broken{key}", CopySource=f"{bucket}/{prefix}{key}"
        )
    lines = s3.get_object(Bucket=bucket, Key=f"{prefix}/train.lst")["Body"].read()
    s3.put_object(
        Bucket=bucket, Key="datasets/broken/train.lst", Body=lines + b"1000\t0\tgone.png\n"
    )
    deployment.point_at("datasets/broken")
    return prefix


def test_rejections_can_be_raised_and_fail_the_execution(
    deployment: Deployment, verdicts: dict[str, str], messages: Messages
) -> None:
    values = {"workflow": {"rejection_style": "raise", "on_rejection": "fail"}}
    deployment.deploy_variant("Workflow", validate(values, environment="dev", source="a test"))
    accepted, rejected = of(verdicts, "accepted")[0], of(verdicts, "rejected")[0]

    assert deployment.classify(accepted)["counts"]["accepted"] == 1
    state = deployment.execute(
        {"images": [deployment.image(key) for key in (accepted, rejected, "odd/gone.png")]}
    )

    assert (state["status"], state["error"]) == ("FAILED", "ImagesRejected")
    (message,) = messages()
    for told in (state["cause"], message["Message"]):
        assert "1 accepted, 1 rejected, 1 failed of 3 images." in told
        assert f"{rejected}\n    best class " in told
        assert "odd/gone.png\n    ImageNotFound: " in told


def test_a_fifo_topic_tells_its_queue_once_of_each_execution(
    deployment: Deployment, verdicts: dict[str, str]
) -> None:
    sqs = deployment.cloud.client("sqs")
    url = sqs.create_queue(QueueName="told.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    values = {"notifications": {"topic": "fifo", "sqs": [arn["QueueArn"]]}}
    deployment.deploy_variant("Workflow", validate(values, environment="dev", source="a test"))

    deployment.classify(of(verdicts, "accepted")[0])
    rejected = [deployment.classify(of(verdicts, "rejected")[0]) for _ in range(2)]
    dead = deployment.execute({"images": "one.png"})

    received: list[dict[str, Any]] = []
    while batch := sqs.receive_message(
        QueueUrl=url, AttributeNames=["All"], MaxNumberOfMessages=10, WaitTimeSeconds=2
    ).get("Messages"):
        received += batch
    sqs.delete_queue(QueueUrl=url)
    subjects = [json.loads(message["Body"])["Subject"] for message in received]
    assert subjects == [
        *(["Scones dev: 1 of 1 images need attention"] * len(rejected)),
        "Scones dev: an execution failed",
    ]
    assert dead["executionArn"] in received[-1]["Body"]
    groups = {message["Attributes"]["MessageGroupId"] for message in received}
    assert len(groups) == len(received)
    for message in received:
        attributes = message["Attributes"]
        assert attributes["MessageDeduplicationId"] == attributes["MessageGroupId"]


def test_everything_that_can_be_tagged_on_the_way_is(deployment: Deployment) -> None:
    sagemaker = deployment.cloud.client("sagemaker")
    (job, *_) = sagemaker.list_training_jobs()["TrainingJobSummaries"]
    endpoint = sagemaker.describe_endpoint(EndpointName=deployment.settings.endpoint_name)

    for arn in (job["TrainingJobArn"], endpoint["EndpointArn"]):
        tags = sagemaker.list_tags(ResourceArn=arn)["Tags"]
        assert {tag["Key"]: tag["Value"] for tag in tags} == deployment.settings.tags_by_key


def scaling_with(**values: Any) -> Settings:
    endpoint = {
        "instance_count": 2,
        "autoscaling": {"enabled": True, "min_instances": 2, "max_instances": 5},
        "update_policy": {"type": "canary", "rollback_on_alarms": True},
    }
    return validate({"endpoint": endpoint, **values}, environment="dev", source="a test")


def test_the_endpoint_scales_and_its_updates_are_watched(
    deployment: Deployment, verdicts: dict[str, str]
) -> None:
    sagemaker = deployment.cloud.client("sagemaker")
    scaling = deployment.cloud.client("application-autoscaling")
    name = deployment.settings.endpoint_name

    deployment.deploy_variant("Inference", scaling_with())

    (target,) = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert target["ResourceId"] == f"endpoint/{name}/variant/AllTraffic"
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 5)
    (policy,) = scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
    assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 600
    last = sagemaker.describe_endpoint(EndpointName=name)["LastDeploymentConfig"]
    routing = last["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert routing["CanarySize"] == {"Type": "CAPACITY_PERCENT", "Value": 50}
    watched = {alarm["AlarmName"] for alarm in last["AutoRollbackConfiguration"]["Alarms"]}
    assert {alarm["AlarmName"] for alarm in alarms_of(deployment)} == watched

    # What Application Auto Scaling does, an update of the template leaves alone.
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name,
        DesiredWeightsAndCapacities=[{"VariantName": "AllTraffic", "DesiredInstanceCount": 4}],
    )
    deployment.deploy_variant("Inference", scaling_with(capture={"sampling_percentage": 99}))

    described = sagemaker.describe_endpoint(EndpointName=name)
    assert described["DataCaptureConfig"]["CurrentSamplingPercentage"] == 99
    assert described["ProductionVariants"][0]["DesiredInstanceCount"] == 4
    for alarm in alarms_of(deployment):
        dimensions = {each["Name"]: each["Value"] for each in alarm["Dimensions"]}
        assert dimensions["EndpointConfigName"] == described["EndpointConfigName"]
    assert deployment.classify(of(verdicts, "accepted")[0])["counts"]["accepted"] == 1

    # And it can all be switched off again.
    deployment.deploy_variant("Inference", deployment.settings)

    assert scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"] == []
    assert alarms_of(deployment) == []
    (variant,) = sagemaker.describe_endpoint(EndpointName=name)["ProductionVariants"]
    assert variant["DesiredInstanceCount"] == 1
    deployment.deploy_variant("Inference", scaling_with())  # the destroy below has it all to remove


def alarms_of(deployment: Deployment) -> list[dict[str, Any]]:
    """The alarms of the endpoint; CloudFormation begins their names with the stack's."""
    alarms: list[dict[str, Any]] = deployment.cloud.client("cloudwatch").describe_alarms(
        AlarmNamePrefix=deployment.settings.stack_name("Inference")
    )["MetricAlarms"]
    return alarms


def test_destroy_after_thousands_of_captures_leaves_nothing(deployment: Deployment) -> None:
    s3 = deployment.cloud.client("s3")
    bucket = deployment.outputs("Storage")["CaptureBucketName"]

    def put(number: int) -> None:
        s3.put_object(Bucket=bucket, Key=f"captures/{number:04}.jsonl", Body=b"{}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, range(2000)))  # more than one page, and one request, of S3

    deployment.cdk("destroy", "--all", "--force")

    assert leftovers() == []
    scaling = deployment.cloud.client("application-autoscaling")
    assert scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"] == []
