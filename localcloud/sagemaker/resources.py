"""The CloudFormation resource types, on top of the API's operations.

Ref gives the ARN, Fn::GetAtt the name; Model and EndpointConfig are replaced on any change:
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_SageMaker.html
"""

import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from botocore.model import ListShape, MapShape, Shape, StructureShape

from localcloud.emulator import (
    Attributes,
    Properties,
    ResourceType,
    current_account,
    current_region,
)
from localcloud.sagemaker import contract, operations
from localcloud.sagemaker.endpoints import ENDPOINTS
from localcloud.sagemaker.errors import ApiError, Failure
from localcloud.sagemaker.store import Scope

_NAME_LENGTH: Final = 63
_UPDATE_ONLY: Final = (
    "ExcludeRetainedVariantProperties",
    "RetainAllVariantProperties",
    "RetainDeploymentConfig",
)


@dataclass(frozen=True)
class _ImmutableType:
    """Model or EndpointConfig: every change is a replacement."""

    kind: str
    """`Model` or `EndpointConfig`: in the names of operations and members."""

    def create(
        self, logical_id: str, properties: Properties, _stack: str
    ) -> tuple[str, Attributes]:
        name_member = f"{self.kind}Name"
        name = properties.get(name_member) or _generated_name(logical_id)
        response = call(f"Create{self.kind}", {**properties, name_member: name})
        return response[f"{self.kind}Arn"], {name_member: name}

    def update(
        self, _arn: str, _old: Properties, new: Properties, stack: str, logical_id: str
    ) -> tuple[str, Attributes]:
        return self.create(logical_id, new, stack)

    def delete(self, arn: str, _properties: Properties) -> None:
        with suppress(ApiError):  # the only refusal is that it does not exist
            call(f"Delete{self.kind}", {f"{self.kind}Name": _name_of(arn)})

    def resource_type(self) -> ResourceType:
        return ResourceType(create=self.create, update=self.update, delete=self.delete)


def _create_endpoint(
    logical_id: str, properties: Properties, _stack: str
) -> tuple[str, Attributes]:
    name = properties.get("EndpointName") or _generated_name(logical_id)
    request = {key: value for key, value in properties.items() if key not in _UPDATE_ONLY}
    arn = call("CreateEndpoint", {**request, "EndpointName": name})["EndpointArn"]
    endpoint = ENDPOINTS.get(_scope(), name)
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
    endpoint = ENDPOINTS.get(_scope(), name)
    request = {key: value for key, value in new.items() if key != "Tags"}
    if request != {key: value for key, value in old.items() if key != "Tags"}:
        endpoint.settle()
        call("UpdateEndpoint", {**request, "EndpointName": name})
        endpoint.settle()
        if endpoint.failure_reason is not None:
            raise Failure(f"Endpoint {name} failed to be updated: {endpoint.failure_reason}")
    _replace_tags(arn, old.get("Tags", []), new.get("Tags", []))
    return arn, {"EndpointName": name}


def _delete_endpoint(arn: str, _properties: Properties) -> None:
    with suppress(ApiError):  # the only refusal, once it is settled, is that it does not exist
        ENDPOINTS.get(_scope(), _name_of(arn)).settle()
        call("DeleteEndpoint", {"EndpointName": _name_of(arn)})


RESOURCE_TYPES: Final = {
    "AWS::SageMaker::Model": _ImmutableType("Model").resource_type(),
    "AWS::SageMaker::EndpointConfig": _ImmutableType("EndpointConfig").resource_type(),
    "AWS::SageMaker::Endpoint": ResourceType(
        create=_create_endpoint, update=_update_endpoint, delete=_delete_endpoint
    ),
}


def _scope() -> Scope:
    return Scope(account=current_account(), region=current_region())


def call(
    operation: str, request: Mapping[str, Any], *, service: contract.Service = "sagemaker"
) -> dict[str, Any]:
    """Response of an operation, for the account and region at hand, to a template's properties.

    Raises:
        ApiError: as `operations.call`.
    """
    shape = contract.input_shape(operation, service)
    return operations.call(_scope(), operation, typed(shape, request), service=service)


def _replace_tags(arn: str, old: list[dict[str, str]], new: list[dict[str, str]]) -> None:
    if gone := {tag["Key"] for tag in old} - {tag["Key"] for tag in new}:
        call("DeleteTags", {"ResourceArn": arn, "TagKeys": sorted(gone)})
    if new:
        call("AddTags", {"ResourceArn": arn, "Tags": new})


def typed(shape: Shape | None, value: Any) -> Any:
    """`value` with texts turned into the numbers and booleans that `shape` wants.

    CloudFormation takes `"1"` and `"true"` (every parameter is a text), the API does not. What
    cannot be turned stays as it is, for the API to refuse.
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
    """A physical name as CloudFormation makes it for SageMaker: logical id and random part."""
    suffix = secrets.token_hex(6)
    return f"{logical_id[: _NAME_LENGTH - len(suffix) - 1]}-{suffix}"


def _name_of(arn: str) -> str:
    return arn.rpartition("/")[2]
