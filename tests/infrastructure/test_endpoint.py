"""Scaling and updates of the endpoint, and what goes with them."""

from typing import Any

import pytest
from aws_cdk.assertions import Template

from tests.infrastructure.templates import templates_with

AUTOSCALING = {
    "enabled": True,
    "min_instances": 2,
    "max_instances": 6,
    "invocations_per_instance": 90,
}
SCALED = {
    "instance_count": 3,
    "autoscaling": AUTOSCALING,
    "update_policy": {
        "type": "canary",
        "rollback_on_alarms": True,
        "canary_percent": 50,
        "wait_interval_seconds": 240,
        "termination_wait_seconds": 3000,
    },
}
ALL_AT_ONCE = {
    "update_policy": {
        "rollback_on_alarms": True,
        "termination_wait_seconds": 3000,
        "max_5xx_percent": 2.5,
        "max_latency_ms": 250,
    }
}
LINEAR = {
    "instance_count": 4,
    "update_policy": {
        "type": "linear",
        "rollback_on_alarms": True,
        "linear_step_percent": 25,
        "termination_wait_seconds": 3000,
    },
}


def inference_with(**endpoint: Any) -> Template:
    return templates_with(**({"endpoint": endpoint} if endpoint else {}))["Inference"]


def the_only(template: Template, type_: str) -> tuple[str, dict[str, Any]]:
    ((logical_id, resource),) = template.find_resources(type_).items()
    return logical_id, resource["Properties"]


def endpoint_of(template: Template) -> dict[str, Any]:
    return the_only(template, "AWS::SageMaker::Endpoint")[1]


def test_without_either_the_endpoint_is_left_to_sagemaker() -> None:
    inference = inference_with()

    assert endpoint_of(inference).keys() == {"EndpointConfigName", "EndpointName", "Tags"}
    for type_ in ("AWS::ApplicationAutoScaling::ScalableTarget", "AWS::CloudWatch::Alarm"):
        inference.resource_count_is(type_, 0)


def test_another_model_is_named_before_it_answers() -> None:
    inference = inference_with()

    (endpoint,) = inference.find_resources("AWS::SageMaker::Endpoint").values()
    (waited_for,) = endpoint["DependsOn"]
    parameter = inference.to_json()["Resources"][waited_for]["Properties"]
    assert parameter["Name"] == "/scones/test/model/name"


def test_the_number_of_instances_follows_the_load() -> None:
    inference = inference_with(**SCALED)

    endpoint_id, _ = the_only(inference, "AWS::SageMaker::Endpoint")
    target_id, target = the_only(inference, "AWS::ApplicationAutoScaling::ScalableTarget")
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 6)
    assert target["ServiceNamespace"] == "sagemaker"
    assert target["ScalableDimension"] == "sagemaker:variant:DesiredInstanceCount"
    # The reference, and so the order: the target is changed after the end of every update.
    name = {"Fn::GetAtt": [endpoint_id, "EndpointName"]}
    assert target["ResourceId"] == {"Fn::Join": ["", ["endpoint/", name, "/variant/AllTraffic"]]}
    _, policy = the_only(inference, "AWS::ApplicationAutoScaling::ScalingPolicy")
    assert policy["ScalingTargetId"] == {"Ref": target_id}
    assert policy["TargetTrackingScalingPolicyConfiguration"] == {
        "PredefinedMetricSpecification": {
            "PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"
        },
        "TargetValue": 90,
        "ScaleInCooldown": 300,
        "ScaleOutCooldown": 60,
    }


def test_a_new_model_keeps_the_scaled_number_of_instances() -> None:
    assert endpoint_of(inference_with(**SCALED))["RetainAllVariantProperties"] is True
    assert "RetainAllVariantProperties" not in endpoint_of(inference_with(**LINEAR))


def test_no_endpoint_has_no_scaling_and_no_alarms() -> None:
    inference = inference_with(enabled=False, **SCALED)

    assert {
        resource["Type"]
        for resource in inference.to_json()["Resources"].values()
        if not resource["Type"].startswith(("AWS::SageMaker::", "AWS::IAM::"))
    } == {"AWS::SSM::Parameter"}  # the model's name


@pytest.mark.parametrize(
    ("endpoint", "routing", "longest"),
    [
        (ALL_AT_ONCE, {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}, 4800),
        (
            SCALED,
            {
                "Type": "CANARY",
                "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 50},
                "WaitIntervalInSeconds": 240,
            },
            5040,
        ),
        (
            LINEAR,
            {
                "Type": "LINEAR",
                "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 25},
                "WaitIntervalInSeconds": 300,
            },
            5700,
        ),
    ],
    ids=["all at once", "canary, scaled", "linear"],
)
def test_traffic_shifts_as_the_policy_says_with_and_without_scaling(
    endpoint: dict[str, Any], routing: dict[str, Any], longest: int
) -> None:
    inference = inference_with(**endpoint)

    deployment = endpoint_of(inference)["DeploymentConfig"]
    assert deployment["BlueGreenUpdatePolicy"] == {
        "TrafficRoutingConfiguration": routing,
        "TerminationWaitInSeconds": 3000,
        "MaximumExecutionTimeoutInSeconds": longest,
    }
    alarms = inference.find_resources("AWS::CloudWatch::Alarm")
    assert deployment["AutoRollbackConfiguration"]["Alarms"] == [
        {"AlarmName": {"Ref": logical_id}} for logical_id in alarms
    ]
    assert len(alarms) == 2


def test_the_alarms_watch_the_new_instances_only() -> None:
    inference = inference_with(**ALL_AT_ONCE)

    config_id, _ = the_only(inference, "AWS::SageMaker::EndpointConfig")
    alarms = [
        alarm["Properties"] for alarm in inference.find_resources("AWS::CloudWatch::Alarm").values()
    ]
    by_metric = {alarm["MetricName"]: alarm for alarm in alarms}
    assert by_metric["Invocation5XXErrors"]["Statistic"] == "Average"
    assert by_metric["Invocation5XXErrors"]["Threshold"] == 0.025
    assert by_metric["ModelLatency"]["ExtendedStatistic"] == "p95"
    assert by_metric["ModelLatency"]["Threshold"] == 250_000  # microseconds
    for alarm in alarms:
        assert {each["Name"]: each["Value"] for each in alarm["Dimensions"]} == {
            "EndpointName": "scones-test",
            "VariantName": "AllTraffic",
            "EndpointConfigName": {"Fn::GetAtt": [config_id, "EndpointConfigName"]},
        }
        # Nobody asks the new instances anything: that is no fault of theirs.
        assert alarm["TreatMissingData"] == "notBreaching"
