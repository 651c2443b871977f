"""Application Auto Scaling of variants: what it stores and refuses."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.launcher import LocalCloud
from tests.local.localcloud.sagemaker.support import SageMaker, code_of

POLICY = {
    "PolicyName": "by-invocations",
    "PolicyType": "TargetTrackingScaling",
    "TargetTrackingScalingPolicyConfiguration": {"TargetValue": 70.0},
}


@pytest.fixture
def scaling(cloud: LocalCloud) -> Any:
    return cloud.client("application-autoscaling")


@pytest.fixture
def key(scaling: Any, endpoint: str) -> Iterator[dict[str, str]]:
    """Members that name a registered target of 1 to 4 instances."""
    named = key_of(endpoint)
    scaling.register_scalable_target(**named, MinCapacity=1, MaxCapacity=4)
    yield named
    if targets_of(scaling, named):
        scaling.deregister_scalable_target(**named)


def key_of(endpoint: str, variant: str = "Variant0") -> dict[str, str]:
    return {
        "ServiceNamespace": "sagemaker",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
        "ResourceId": f"endpoint/{endpoint}/variant/{variant}",
    }


def targets_of(scaling: Any, key: dict[str, str]) -> Any:
    return scaling.describe_scalable_targets(
        ServiceNamespace="sagemaker", ResourceIds=[key["ResourceId"]]
    )["ScalableTargets"]


def test_registering_again_changes_only_what_is_given(scaling: Any, key: dict[str, str]) -> None:
    (before,) = targets_of(scaling, key)
    scaling.register_scalable_target(**key, MaxCapacity=9)

    assert targets_of(scaling, key) == [{**before, "MaxCapacity": 9}]


def test_policies_are_kept_until_they_or_their_target_go(scaling: Any, key: dict[str, str]) -> None:
    def policies() -> Any:
        return scaling.describe_scaling_policies(
            ServiceNamespace="sagemaker", ResourceId=key["ResourceId"]
        )["ScalingPolicies"]

    arn = scaling.put_scaling_policy(**key, **POLICY)["PolicyARN"]
    assert scaling.put_scaling_policy(**key, **POLICY)["PolicyARN"] == arn
    assert [policy["PolicyARN"] for policy in policies()] == [arn]
    scaling.delete_scaling_policy(**key, PolicyName="by-invocations")
    assert policies() == []

    scaling.put_scaling_policy(**key, **POLICY)
    scaling.deregister_scalable_target(**key)
    assert policies() == []
    with pytest.raises(ClientError) as refusal:
        scaling.put_scaling_policy(**key, **POLICY)
    assert code_of(refusal) == "ObjectNotFoundException"


@pytest.mark.parametrize(
    ("changes", "bounds", "says"),
    [
        ({}, {"MinCapacity": 3, "MaxCapacity": 2}, "cannot be less than minimum"),
        ({}, {"MinCapacity": 1}, "MinCapacity and MaxCapacity are required"),
        ({"ResourceId": "table/rides"}, {"MinCapacity": 1, "MaxCapacity": 2}, "endpoint/NAME"),
        (key_of("none"), {"MinCapacity": 1, "MaxCapacity": 2}, "Could not find endpoint"),
        ({"variant": "Other"}, {"MinCapacity": 1, "MaxCapacity": 2}, "has no variant Other"),
    ],
)
def test_an_invalid_target_is_refused(
    scaling: Any, endpoint: str, changes: dict[str, str], bounds: dict[str, int], says: str
) -> None:
    key = key_of(endpoint, changes.pop("variant", "Variant0")) | changes
    with pytest.raises(ClientError, match=says):
        scaling.register_scalable_target(**key, **bounds)


@pytest.mark.parametrize(
    ("properties", "count"),
    [
        ({}, 1),
        ({"RetainAllVariantProperties": True}, 3),
        (
            {
                "RetainAllVariantProperties": True,
                "ExcludeRetainedVariantProperties": [
                    {"VariantPropertyType": "DesiredInstanceCount"}
                ],
            },
            1,
        ),
    ],
    ids=["by default", "retained", "excluded"],
)
def test_an_update_keeps_the_number_of_instances_if_told_to(
    sagemaker: SageMaker, properties: dict[str, Any], count: int
) -> None:
    config = sagemaker.config(sagemaker.model())
    name = sagemaker.endpoint(config)
    sagemaker.api.update_endpoint_weights_and_capacities(
        EndpointName=name,
        DesiredWeightsAndCapacities=[{"VariantName": "Variant0", "DesiredInstanceCount": 3}],
    )

    sagemaker.api.update_endpoint(EndpointName=name, EndpointConfigName=config, **properties)

    (variant,) = sagemaker.settled(name)["ProductionVariants"]
    sagemaker.api.delete_endpoint(EndpointName=name)
    assert variant["DesiredInstanceCount"] == count
