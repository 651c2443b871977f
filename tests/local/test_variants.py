"""Other settings, deployed over the first ones."""

import json
from typing import Any

from settings import Settings
from settings.loader import validate
from tests.local.deployment import Deployment
from tests.local.inbox import Inbox, Messages


def test_rejections_can_be_raised_and_fail_the_execution(
    deployment: Deployment, verdicts: dict[str, list[str]], messages: Messages
) -> None:
    values = {"workflow": {"rejection_style": "raise", "on_rejection": "fail"}}
    deployment.deploy_variant("Workflow", validate(values, environment="dev", source="a test"))
    accepted, rejected = verdicts["accepted"][0], verdicts["rejected"][0]

    assert deployment.classify(accepted)["counts"]["accepted"] == 1
    state = deployment.execute(
        {"images": [deployment.image(key) for key in (accepted, rejected, "odd/gone.png")]}
    )

    assert (state["status"], state["error"]) == ("FAILED", "ImagesRejected")
    (message,) = messages(1)
    for told in (state["cause"], message["Message"]):
        assert "1 accepted, 1 rejected, 1 failed of 3 images." in told
        assert f"{rejected}\n    best class " in told
        assert "odd/gone.png\n    ImageNotFound: " in told


def test_a_fifo_topic_tells_its_queue_once_of_each_execution(
    deployment: Deployment, verdicts: dict[str, list[str]]
) -> None:
    sqs = deployment.cloud.client("sqs")
    inbox = Inbox.create(sqs, "told.fifo", FifoQueue="true")
    values = {"notifications": {"topic": "fifo", "sqs": [inbox.arn]}}
    deployment.deploy_variant("Workflow", validate(values, environment="dev", source="a test"))

    deployment.classify(verdicts["accepted"][0])
    rejected = [deployment.classify(verdicts["rejected"][0]) for _ in range(2)]
    dead = deployment.execute({"images": "one.png"})

    received = inbox.receive(3)
    sqs.delete_queue(QueueUrl=inbox.url)
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


def scaling_with(**values: Any) -> Settings:
    endpoint = {
        "instance_count": 2,
        "autoscaling": {"enabled": True, "min_instances": 2, "max_instances": 5},
        "update_policy": {"type": "canary", "rollback_on_alarms": True},
    }
    return validate({"endpoint": endpoint, **values}, environment="dev", source="a test")


def test_the_endpoint_scales_and_its_updates_are_watched(
    deployment: Deployment, verdicts: dict[str, list[str]]
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
    assert deployment.classify(verdicts["accepted"][0])["counts"]["accepted"] == 1

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
