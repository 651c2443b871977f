"""Operations on endpoints."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from localcloud.sagemaker import listing
from localcloud.sagemaker.capture import is_enabled
from localcloud.sagemaker.endpoint_configs import weight
from localcloud.sagemaker.errors import ApiError, Failure, invalid, not_implemented
from localcloud.sagemaker.fleet import Deployment, Fleet
from localcloud.sagemaker.store import Record, Scope, Table, now

_CHANGING: Final = frozenset({"Creating", "Updating", "Deleting"})
_logger = logging.getLogger(__name__)


@dataclass(kw_only=True, eq=False)
class Endpoint(Record):
    """An endpoint; `changed` guards what is below it."""

    status: str = "Creating"
    deployment: Deployment
    changed: threading.Condition = field(default_factory=threading.Condition)
    fleet: Fleet | None = None
    pending: Deployment | None = None
    failure_reason: str | None = None
    last_deployment_config: dict[str, Any] | None = None
    instance_counts: dict[str, int] = field(default_factory=dict)
    """Of the variants whose number was changed since the configuration was deployed."""

    def settle(self) -> None:
        """Wait until no create, update or delete is under way."""
        with self.changed:
            self.changed.wait_for(lambda: self.status not in _CHANGING)


ENDPOINTS: Table[Endpoint] = Table(kind="endpoint", noun="endpoint")


def create(scope: Scope, request: dict[str, Any]) -> dict[str, Any]:
    """CreateEndpoint: start its model servers in the background."""
    name = request["EndpointName"]
    ENDPOINTS.check_free(scope, name)
    deployment = Deployment.of(scope, endpoint=name, config_name=request["EndpointConfigName"])
    endpoint = Endpoint(
        scope=scope,
        name=name,
        arn=scope.arn(ENDPOINTS.kind, name),
        request=request,
        deployment=deployment,
        pending=deployment,
        last_deployment_config=request.get("DeploymentConfig"),
    )
    ENDPOINTS.add(endpoint)
    _deploy_in_background(endpoint, deployment, instance_counts={})
    return {"EndpointArn": endpoint.arn}


def update(scope: Scope, request: dict[str, Any]) -> dict[str, Any]:
    """UpdateEndpoint: the old servers go on until the new ones are healthy, or for good if not."""
    endpoint = ENDPOINTS.get(scope, request["EndpointName"])
    deployment = Deployment.of(
        scope, endpoint=endpoint.name, config_name=request["EndpointConfigName"]
    )
    with endpoint.changed:
        if endpoint.status in _CHANGING:
            raise invalid(f'Cannot update in-progress endpoint "{endpoint.arn}".')
        if endpoint.status != "InService":
            raise invalid(f'Cannot update endpoint "{endpoint.arn}" in status {endpoint.status}.')
        endpoint.status = "Updating"
        endpoint.pending = deployment
        endpoint.failure_reason = None
        endpoint.modified = now()
        if not request.get("RetainDeploymentConfig", False):
            endpoint.last_deployment_config = request.get("DeploymentConfig")
        kept = endpoint.instance_counts if _keeps_instance_counts(request) else {}
    _deploy_in_background(endpoint, deployment, instance_counts=kept)
    return {"EndpointArn": endpoint.arn}


def update_capacities(scope: Scope, request: dict[str, Any]) -> dict[str, Any]:
    """UpdateEndpointWeightsAndCapacities: the numbers are kept, the servers are the same ones."""
    endpoint = ENDPOINTS.get(scope, request["EndpointName"])
    wanted = request["DesiredWeightsAndCapacities"]
    if any("DesiredWeight" in each for each in wanted):
        raise not_implemented("changed weights of variants")
    counts = {each["VariantName"]: each["DesiredInstanceCount"] for each in wanted}
    with endpoint.changed:
        if endpoint.status != "InService":
            raise invalid(f'Cannot update endpoint "{endpoint.arn}" in status {endpoint.status}.')
        if unknown := counts.keys() - endpoint.deployment.containers.keys():
            raise invalid(f'Endpoint "{endpoint.arn}" has no variant {", ".join(unknown)}.')
        endpoint.instance_counts = endpoint.instance_counts | counts
    return {"EndpointArn": endpoint.arn}


def describe(scope: Scope, request: dict[str, Any]) -> dict[str, Any]:
    """DescribeEndpoint."""
    endpoint = ENDPOINTS.get(scope, request["EndpointName"])
    with endpoint.changed:
        return {
            **_summary(endpoint),
            "EndpointConfigName": endpoint.deployment.config_name,
            # As on AWS, an endpoint that never served lists no variants.
            "ProductionVariants": endpoint.fleet
            and _variants(endpoint.deployment, endpoint.instance_counts),
            "DataCaptureConfig": _capture(endpoint.deployment.config.get("DataCaptureConfig")),
            "FailureReason": endpoint.failure_reason,
            "LastDeploymentConfig": endpoint.last_deployment_config,
            "PendingDeploymentSummary": endpoint.pending
            and {
                "EndpointConfigName": endpoint.pending.config_name,
                "ProductionVariants": _variants(endpoint.pending, {}),
                "StartTime": endpoint.modified,
            },
        }


def list_endpoints(scope: Scope, request: dict[str, Any]) -> dict[str, Any]:
    """ListEndpoints."""
    endpoints, token = listing.page(ENDPOINTS.all(scope), request, default_order="Descending")
    return {"Endpoints": [_summary(endpoint) for endpoint in endpoints], "NextToken": token}


def delete(scope: Scope, request: dict[str, Any]) -> None:
    """DeleteEndpoint. When it returns, the servers are gone and all captures are in S3."""
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
    """The fleet that serves an endpoint; it is not stopped before the context is left.

    Raises:
        ApiError: ValidationError of the runtime API, if no such endpoint is in service.
    """
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
    return (
        request.get("RetainAllVariantProperties", False) and "DesiredInstanceCount" not in excluded
    )


def _deploy_in_background(
    endpoint: Endpoint, deployment: Deployment, *, instance_counts: dict[str, int]
) -> None:
    threading.Thread(
        target=_deploy,
        args=(endpoint, deployment, instance_counts),
        name=f"deploy-{endpoint.name}",
        daemon=True,
    ).start()


def _deploy(endpoint: Endpoint, deployment: Deployment, instance_counts: dict[str, int]) -> None:
    try:
        fleet = Fleet(deployment)
    except Failure as failure:
        _finish(endpoint, failure_reason=str(failure))
    except Exception as error:  # an endpoint must settle, or its clients wait for ever
        _logger.exception("endpoint %s", endpoint.arn)
        _finish(endpoint, failure_reason=f"InternalFailure: {type(error).__name__}: {error}")
    else:
        with endpoint.changed:
            old, endpoint.fleet = endpoint.fleet, fleet
            endpoint.deployment = deployment
            endpoint.instance_counts = instance_counts
        if old is not None:
            old.retire()
        _finish(endpoint, failure_reason=None)


def _finish(endpoint: Endpoint, *, failure_reason: str | None) -> None:
    with endpoint.changed:
        endpoint.status = "Failed" if endpoint.fleet is None else "InService"
        endpoint.failure_reason = failure_reason and failure_reason[:1024]
        endpoint.pending = None
        endpoint.modified = now()
        endpoint.changed.notify_all()


def _summary(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "EndpointName": endpoint.name,
        "EndpointArn": endpoint.arn,
        "EndpointStatus": endpoint.status,
        "CreationTime": endpoint.created,
        "LastModifiedTime": endpoint.modified,
    }


def _variants(deployment: Deployment, counts: dict[str, int]) -> list[dict[str, Any]]:
    return [
        {
            "VariantName": variant["VariantName"],
            "DeployedImages": [
                {"SpecifiedImage": deployment.containers[variant["VariantName"]]["Image"]}
            ],
            "CurrentWeight": weight(variant),
            "DesiredWeight": weight(variant),
            "CurrentInstanceCount": _count(variant, counts),
            "DesiredInstanceCount": _count(variant, counts),
            "CurrentServerlessConfig": variant.get("ServerlessConfig"),
        }
        for variant in deployment.config["ProductionVariants"]
    ]


def _count(variant: dict[str, Any], counts: dict[str, int]) -> int | None:
    return counts.get(variant["VariantName"], variant.get("InitialInstanceCount"))


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
