"""Endpoints: created, updated and deleted in the background, as on AWS."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from localcloud.sagemaker import processes
from localcloud.sagemaker.capture import is_enabled
from localcloud.sagemaker.contract import ApiError, invalid, not_implemented
from localcloud.sagemaker.endpoint_configs import weight
from localcloud.sagemaker.fleet import Deployment, Fleet
from localcloud.sagemaker.records import Record, Scope, Table, now

_CHANGING: Final = frozenset({"Creating", "Updating", "Deleting"})


@dataclass(kw_only=True, eq=False)
class Endpoint(Record):
    """An endpoint."""

    prefix = "Endpoint"

    status: str = "Creating"
    deployment: Deployment
    changed: threading.Condition = field(default_factory=threading.Condition)
    """Guards all other fields."""
    fleet: Fleet | None = None
    failure_reason: str | None = None
    last_deployment_config: dict[str, Any] | None = None
    instance_counts: dict[str, int] = field(default_factory=dict)
    """By variant, if changed since the configuration was deployed."""

    def settle(self) -> None:
        """Wait until no create, update or delete is under way."""
        with self.changed:
            self.changed.wait_for(lambda: self.status not in _CHANGING)

    def check_in_service(self) -> None:
        """Refuse to change an endpoint that is not in service."""
        if self.status in _CHANGING:
            raise invalid(f'Cannot update in-progress endpoint "{self.arn}".')
        if self.status != "InService":
            raise invalid(f'Cannot update endpoint "{self.arn}" in status {self.status}.')

    def description(self) -> dict[str, Any]:
        """Return the members of DescribeEndpoint and of its summary."""
        with self.changed:
            return super().description() | {
                "EndpointStatus": self.status,
                "LastModifiedTime": self.modified,
                "EndpointConfigName": self.deployment.config.name,
                # As on AWS, an endpoint that never served lists no variants.
                "ProductionVariants": self.fleet
                and _variants(self.deployment, self.instance_counts),
                "DataCaptureConfig": _capture(self.deployment.config.capture),
                "FailureReason": self.failure_reason,
                "LastDeploymentConfig": self.last_deployment_config,
            }


ENDPOINTS: Final = Table(Endpoint, noun="endpoint", listed_as="Endpoints")


def create(scope: Scope, request: dict[str, Any]) -> dict[str, Any]:
    """CreateEndpoint: start its model servers in the background."""
    deployment = Deployment.of(scope, request["EndpointConfigName"])
    endpoint = Endpoint(
        scope=scope,
        request=request,
        deployment=deployment,
        last_deployment_config=request.get("DeploymentConfig"),
    )
    ENDPOINTS.add(endpoint)
    _deploy_in_background(endpoint, deployment, instance_counts={})
    return {"EndpointArn": endpoint.arn}


def update(scope: Scope, request: dict[str, Any]) -> dict[str, Any]:
    """UpdateEndpoint: the old servers go on until the new ones are healthy, or for good if not."""
    endpoint = ENDPOINTS.get(scope, request["EndpointName"])
    deployment = Deployment.of(scope, request["EndpointConfigName"])
    with endpoint.changed:
        endpoint.check_in_service()
        endpoint.status = "Updating"
        endpoint.failure_reason = None
        endpoint.modified = now()
        endpoint.last_deployment_config = request.get("DeploymentConfig")
        kept = endpoint.instance_counts if _keeps_instance_counts(request) else {}
    _deploy_in_background(endpoint, deployment, instance_counts=kept)
    return {"EndpointArn": endpoint.arn}


def update_capacities(scope: Scope, request: dict[str, Any]) -> dict[str, Any]:
    """UpdateEndpointWeightsAndCapacities: store the instance counts; the servers stay the same."""
    endpoint = ENDPOINTS.get(scope, request["EndpointName"])
    wanted = request["DesiredWeightsAndCapacities"]
    if any("DesiredWeight" in each for each in wanted):
        raise not_implemented("changed weights of variants")
    counts = {each["VariantName"]: each["DesiredInstanceCount"] for each in wanted}
    with endpoint.changed:
        endpoint.check_in_service()
        if unknown := counts.keys() - endpoint.deployment.models.keys():
            raise invalid(f'Endpoint "{endpoint.arn}" has no variant {", ".join(unknown)}.')
        endpoint.instance_counts = endpoint.instance_counts | counts
    return {"EndpointArn": endpoint.arn}


def delete(scope: Scope, request: dict[str, Any]) -> None:
    """DeleteEndpoint: return when the servers are gone and all captures are in S3."""
    endpoint = ENDPOINTS.get(scope, request["EndpointName"])
    with endpoint.changed:
        if endpoint.status in _CHANGING:
            raise invalid(f'Cannot update in-progress endpoint "{endpoint.arn}".')
        endpoint.status = "Deleting"
        fleet, endpoint.fleet = endpoint.fleet, None
    try:
        if fleet is not None:
            fleet.retire()
    finally:
        ENDPOINTS.remove(scope, endpoint.name)
        with endpoint.changed:
            endpoint.status = "Deleted"
            endpoint.changed.notify_all()


@contextmanager
def serving_fleet(scope: Scope, name: str) -> Iterator[Fleet]:
    """Yield the fleet that serves an endpoint, held until the context ends, or raise ApiError."""
    not_found = ApiError(
        "ValidationError", f"Endpoint {name} of account {scope.account} not found."
    )
    try:
        endpoint = ENDPOINTS.get(scope, name)
    except ApiError as error:
        raise not_found from error
    with endpoint.changed:
        fleet = endpoint.fleet
        if fleet is None:
            raise not_found
        fleet.acquire()
    try:
        yield fleet
    finally:
        fleet.release()


def _keeps_instance_counts(request: dict[str, Any]) -> bool:
    excluded = [
        each["VariantPropertyType"] for each in request.get("ExcludeRetainedVariantProperties", [])
    ]
    return bool(
        request.get("RetainAllVariantProperties") and "DesiredInstanceCount" not in excluded
    )


def _deploy_in_background(
    endpoint: Endpoint, deployment: Deployment, *, instance_counts: dict[str, int]
) -> None:
    def deploy() -> None:
        fleet = Fleet(endpoint.name, deployment)
        with endpoint.changed:
            old, endpoint.fleet = endpoint.fleet, fleet
            endpoint.deployment = deployment
            endpoint.instance_counts = instance_counts
        if old is not None:
            old.retire()

    def end(failure_reason: str | None) -> None:
        with endpoint.changed:
            endpoint.status = "Failed" if endpoint.fleet is None else "InService"
            endpoint.failure_reason = failure_reason
            endpoint.modified = now()
            endpoint.changed.notify_all()

    processes.run_in_background(deploy, end=end, name=endpoint.name)


def _variants(deployment: Deployment, counts: dict[str, int]) -> list[dict[str, Any]]:
    def described(name: str, variant: dict[str, Any]) -> dict[str, Any]:
        count = counts.get(name, variant.get("InitialInstanceCount"))
        return {
            "VariantName": name,
            "DeployedImages": [{"SpecifiedImage": deployment.models[name].container["Image"]}],
            "CurrentWeight": weight(variant),
            "DesiredWeight": weight(variant),
            "CurrentInstanceCount": count,
            "DesiredInstanceCount": count,
        }

    return [described(*item) for item in deployment.config.variants.items()]


def _capture(config: dict[str, Any] | None) -> dict[str, Any] | None:
    if config is None:
        return None
    enabled = is_enabled(config)
    return {
        "EnableCapture": enabled,
        "CaptureStatus": "Started" if enabled else "Stopped",
        "CurrentSamplingPercentage": config["InitialSamplingPercentage"],
        "DestinationS3Uri": config["DestinationS3Uri"],
        "KmsKeyId": config.get("KmsKeyId", ""),
    }
