"""The CloudFormation resource types, on top of the APIs' operations.

In SageMaker, Ref returns the ARN and Fn::GetAtt the name; any change replaces Model and
EndpointConfig. In Application Auto Scaling, Ref of a target returns
`resource id|dimension|namespace`, and Ref of a policy its ARN:
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SageMaker.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_ApplicationAutoScaling.html
"""

import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from botocore.model import ListShape, MapShape, Shape, StructureShape

from localcloud.emulator.extension import Attributes, Properties, ResourceType
from localcloud.sagemaker import contract, operations
from localcloud.sagemaker.contract import ApiError, Failure
from localcloud.sagemaker.endpoints import ENDPOINTS
from localcloud.sagemaker.records import Scope

_NAME_LENGTH: Final = 63
_TARGET_KEY: Final = ("ResourceId", "ScalableDimension", "ServiceNamespace")
_UPDATE_ONLY: Final = (
    "ExcludeRetainedVariantProperties",
    "RetainAllVariantProperties",
    "RetainDeploymentConfig",
)


Create = Callable[[str, Properties, str], tuple[str, Attributes]]
Delete = Callable[[str, Properties], None]


def _updated_by_create(create: Create, delete: Delete) -> ResourceType:
    """Return a type whose Create also updates: it replaces or overwrites the resource."""

    def update(
        _id: str, _old: Properties, new: Properties, stack: str, logical_id: str
    ) -> tuple[str, Attributes]:
        return create(logical_id, new, stack)

    return ResourceType(create=create, update=update, delete=delete)


def _immutable(kind: str) -> ResourceType:
    """Return the type of Model or EndpointConfig, which every change replaces."""
    name_member = f"{kind}Name"

    def create(logical_id: str, properties: Properties, _stack: str) -> tuple[str, Attributes]:
        name = properties.get(name_member) or _generated_name(logical_id)
        response = _call(f"Create{kind}", {**properties, name_member: name})
        return response[f"{kind}Arn"], {name_member: name}

    def delete(arn: str, _properties: Properties) -> None:
        with suppress(ApiError):  # the only refusal is that it does not exist
            _call(f"Delete{kind}", {name_member: _name_of(arn)})

    return _updated_by_create(create, delete)


def _create_endpoint(
    logical_id: str, properties: Properties, _stack: str
) -> tuple[str, Attributes]:
    name = properties.get("EndpointName") or _generated_name(logical_id)
    request = {key: value for key, value in properties.items() if key not in _UPDATE_ONLY}
    arn = _call("CreateEndpoint", {**request, "EndpointName": name})["EndpointArn"]
    endpoint = ENDPOINTS.get(Scope.current(), name)
    endpoint.settle()
    if endpoint.status != "InService":
        # CloudFormation does not know the endpoint yet, so its rollback would leave it behind.
        _delete_endpoint(arn, properties)
        raise Failure(f"Endpoint {name} failed to be created: {endpoint.failure_reason}")
    return arn, {"EndpointName": name}


def _update_endpoint(
    arn: str, old: Properties, new: Properties, stack: str, logical_id: str
) -> tuple[str, Attributes]:
    if old.get("EndpointName") != new.get("EndpointName"):
        return _create_endpoint(logical_id, new, stack)
    name = _name_of(arn)
    endpoint = ENDPOINTS.get(Scope.current(), name)
    request = {key: value for key, value in new.items() if key != "Tags"}
    if request != {key: value for key, value in old.items() if key != "Tags"}:
        endpoint.settle()
        _call("UpdateEndpoint", {**request, "EndpointName": name})
        endpoint.settle()
        if endpoint.failure_reason is not None:
            raise Failure(f"Endpoint {name} failed to be updated: {endpoint.failure_reason}")
    _replace_tags(arn, old.get("Tags", []), new.get("Tags", []))
    return arn, {"EndpointName": name}


def _delete_endpoint(arn: str, _properties: Properties) -> None:
    with suppress(ApiError):  # the only refusal, once it is settled, is that it does not exist
        ENDPOINTS.get(Scope.current(), _name_of(arn)).settle()
        _call("DeleteEndpoint", {"EndpointName": _name_of(arn)})


def _create_target(_logical_id: str, properties: Properties, _stack: str) -> tuple[str, Attributes]:
    # A list of keys and values in CloudFormation, a map in the API.
    tags = {tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])}
    _scale("RegisterScalableTarget", {**properties, "Tags": tags})
    target_id = "|".join(properties[member] for member in _TARGET_KEY)
    return target_id, {"Id": target_id}


def _delete_target(target_id: str, _properties: Properties) -> None:
    with suppress(ApiError):  # the only refusal is that it does not exist
        _scale("DeregisterScalableTarget", _target_key(target_id))


def _create_policy(_logical_id: str, properties: Properties, _stack: str) -> tuple[str, Attributes]:
    arn = _scale("PutScalingPolicy", _policy_request(properties))["PolicyARN"]
    return arn, {"Arn": arn}


def _delete_policy(_arn: str, properties: Properties) -> None:
    request = _policy_request(properties)
    named = {member: request[member] for member in ("PolicyName", *_TARGET_KEY)}
    with suppress(ApiError):  # the only refusal is that it does not exist
        _scale("DeleteScalingPolicy", named)


def _policy_request(properties: Properties) -> dict[str, Any]:
    """Name the target by its key, where the template does so by Ref."""
    request = dict(properties)
    target_id = request.pop("ScalingTargetId", None)
    return request if target_id is None else {**request, **_target_key(target_id)}


def _target_key(target_id: str) -> dict[str, str]:
    return dict(zip(_TARGET_KEY, target_id.split("|"), strict=True))


def _scale(operation: str, request: dict[str, Any]) -> dict[str, Any]:
    return _call(operation, request, service="application-autoscaling")


RESOURCE_TYPES: Final = {
    "AWS::SageMaker::Model": _immutable("Model"),
    "AWS::SageMaker::EndpointConfig": _immutable("EndpointConfig"),
    "AWS::SageMaker::Endpoint": ResourceType(
        create=_create_endpoint, update=_update_endpoint, delete=_delete_endpoint
    ),
    "AWS::ApplicationAutoScaling::ScalableTarget": _updated_by_create(
        _create_target, _delete_target
    ),
    "AWS::ApplicationAutoScaling::ScalingPolicy": _updated_by_create(
        _create_policy, _delete_policy
    ),
}


def _call(
    operation: str, request: Mapping[str, Any], *, service: contract.Service = "sagemaker"
) -> dict[str, Any]:
    shape = contract.input_shape(operation, service)
    return operations.call(Scope.current(), operation, typed(shape, request), service=service)


def _replace_tags(arn: str, old: list[dict[str, str]], new: list[dict[str, str]]) -> None:
    if gone := {tag["Key"] for tag in old} - {tag["Key"] for tag in new}:
        _call("DeleteTags", {"ResourceArn": arn, "TagKeys": sorted(gone)})
    if new:
        _call("AddTags", {"ResourceArn": arn, "Tags": new})


def typed(shape: Shape | None, value: Any) -> Any:
    """Return `value` with strings converted to the numbers and booleans that `shape` wants.

    CloudFormation takes `"1"` and `"true"`, since every parameter is a string; the API does not.
    What cannot be converted is left for the API to refuse.
    """
    if isinstance(shape, StructureShape) and isinstance(value, Mapping):
        return {key: typed(shape.members.get(key), item) for key, item in value.items()}
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [typed(shape.member, item) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, Mapping):
        return {key: typed(shape.value, item) for key, item in value.items()}
    if shape is not None and isinstance(value, str):
        return _parsed(shape.type_name, value)
    return value


def _parsed(type_name: str, text: str) -> Any:
    if type_name == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    with suppress(ValueError):
        if type_name in ("integer", "long"):
            return int(text)
        if type_name in ("float", "double"):
            return float(text)
    return text


def _generated_name(logical_id: str) -> str:
    """Return a physical name like CloudFormation's for SageMaker: logical id and random part."""
    suffix = secrets.token_hex(6)
    return f"{logical_id[: _NAME_LENGTH - len(suffix) - 1]}-{suffix}"


def _name_of(arn: str) -> str:
    return arn.rpartition("/")[2]
