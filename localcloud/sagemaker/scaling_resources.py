"""The CloudFormation types of Application Auto Scaling, on top of its operations.

Ref of a target gives `resource id|dimension|namespace`, Ref of a policy its ARN:
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_ApplicationAutoScaling.html
"""

from contextlib import suppress
from typing import Any, Final

from localcloud.emulator import Attributes, Properties, ResourceType
from localcloud.sagemaker.errors import ApiError
from localcloud.sagemaker.resources import call

_KEY: Final = ("ResourceId", "ScalableDimension", "ServiceNamespace")


def _create_target(_logical_id: str, properties: Properties, _stack: str) -> tuple[str, Attributes]:
    # A list of keys and values in CloudFormation, a map in the API.
    tags = {tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])}
    _call("RegisterScalableTarget", {**properties, "Tags": tags})
    target_id = "|".join(properties[member] for member in _KEY)
    return target_id, {"Id": target_id}


def _update_target(
    _target_id: str, _old: Properties, new: Properties, stack: str, logical_id: str
) -> tuple[str, Attributes]:
    return _create_target(logical_id, new, stack)


def _delete_target(target_id: str, _properties: Properties) -> None:
    with suppress(ApiError):  # the only refusal is that it does not exist
        _call("DeregisterScalableTarget", _key(target_id))


def _create_policy(_logical_id: str, properties: Properties, _stack: str) -> tuple[str, Attributes]:
    arn = _call("PutScalingPolicy", _policy_request(properties))["PolicyARN"]
    return arn, {"Arn": arn}


def _update_policy(
    _arn: str, _old: Properties, new: Properties, stack: str, logical_id: str
) -> tuple[str, Attributes]:
    return _create_policy(logical_id, new, stack)


def _delete_policy(_arn: str, properties: Properties) -> None:
    request = _policy_request(properties)
    with suppress(ApiError):  # the only refusal is that it does not exist
        _call("DeleteScalingPolicy", {member: request[member] for member in ("PolicyName", *_KEY)})


RESOURCE_TYPES: Final = {
    "AWS::ApplicationAutoScaling::ScalableTarget": ResourceType(
        create=_create_target, update=_update_target, delete=_delete_target
    ),
    "AWS::ApplicationAutoScaling::ScalingPolicy": ResourceType(
        create=_create_policy, update=_update_policy, delete=_delete_policy
    ),
}


def _policy_request(properties: Properties) -> dict[str, Any]:
    """A policy names its target by Ref, or by the three members of its key."""
    request = dict(properties)
    target_id = request.pop("ScalingTargetId", None)
    return request if target_id is None else {**request, **_key(target_id)}


def _key(target_id: str) -> dict[str, str]:
    return dict(zip(_KEY, target_id.split("|"), strict=True))


def _call(operation: str, request: dict[str, Any]) -> dict[str, Any]:
    return call(operation, request, service="application-autoscaling")
