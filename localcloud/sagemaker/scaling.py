"""Application Auto Scaling of endpoint variants: stores targets and policies, scales nothing.

The service has only the namespace `sagemaker` here.
https://docs.aws.amazon.com/autoscaling/application/APIReference/Welcome.html
"""

import re
import threading
import uuid
from dataclasses import dataclass, field
from typing import Any, Final

from localcloud.sagemaker.contract import ApiError, invalid, not_implemented
from localcloud.sagemaker.endpoints import ENDPOINTS
from localcloud.sagemaker.records import Operation, Scope, now

NAMESPACE: Final = "sagemaker"
DIMENSION: Final = "sagemaker:variant:DesiredInstanceCount"
_VARIANT: Final = re.compile(r"endpoint/(?P<endpoint>[^/]+)/variant/(?P<variant>[^/]+)")


@dataclass(kw_only=True)
class _Target:
    """A scalable target and its policies by name, as the API describes them."""

    described: dict[str, Any]
    policies: dict[str, dict[str, Any]] = field(default_factory=dict)


_targets: dict[tuple[Scope, str], _Target] = {}
_lock = threading.Lock()


def register(scope: Scope, request: dict[str, Any]) -> dict[str, Any]:
    """RegisterScalableTarget for an existing variant; registering again changes its bounds."""
    resource_id = _resource_id(request)
    match = _VARIANT.fullmatch(resource_id)
    if match is None:
        raise invalid(f"{resource_id} is not of the form endpoint/NAME/variant/NAME.")
    if match["variant"] not in ENDPOINTS.get(scope, match["endpoint"]).deployment.models:
        raise invalid(f"Endpoint {match['endpoint']} has no variant {match['variant']}.")
    with _lock:
        target = _targets.get((scope, resource_id)) or _Target(described=_new_target(scope))
        described = target.described | request
        if not {"MinCapacity", "MaxCapacity"} <= described.keys():
            raise invalid("MinCapacity and MaxCapacity are required to register a scalable target.")
        if described["MinCapacity"] > described["MaxCapacity"]:
            raise invalid("Maximum capacity cannot be less than minimum capacity")
        target.described = described
        _targets[scope, resource_id] = target
    return {"ScalableTargetARN": described["ScalableTargetARN"]}


def deregister(scope: Scope, request: dict[str, Any]) -> None:
    """DeregisterScalableTarget, with its policies."""
    resource_id = _resource_id(request)
    with _lock:
        _target(scope, resource_id)
        del _targets[scope, resource_id]


def describe_targets(scope: Scope, request: dict[str, Any]) -> dict[str, Any]:
    """DescribeScalableTargets, always on one page."""
    wanted = request.get("ResourceIds")
    with _lock:
        found = [
            target.described
            for (owner, resource_id), target in _targets.items()
            if owner == scope and (wanted is None or resource_id in wanted)
        ]
    return {"ScalableTargets": found}


def put_policy(scope: Scope, request: dict[str, Any]) -> dict[str, Any]:
    """PutScalingPolicy; it replaces a policy of that name."""
    name = request["PolicyName"]
    resource_id = _resource_id(request)
    with _lock:
        policies = _target(scope, resource_id).policies
        known = policies.get(name) or {
            "PolicyARN": f"arn:aws:autoscaling:{scope.region}:{scope.account}:scalingPolicy:"
            f"{uuid.uuid4()}:resource/{NAMESPACE}/{resource_id}:policyName/{name}",
            "CreationTime": now(),
        }
        policies[name] = {**known, **request}
    return {"PolicyARN": known["PolicyARN"], "Alarms": []}


def delete_policy(scope: Scope, request: dict[str, Any]) -> None:
    """DeleteScalingPolicy."""
    resource_id, name = _resource_id(request), request["PolicyName"]
    with _lock:
        if _target(scope, resource_id).policies.pop(name, None) is None:
            raise _not_found(f"scaling policy {name} of {resource_id}")


def describe_policies(scope: Scope, request: dict[str, Any]) -> dict[str, Any]:
    """DescribeScalingPolicies, always on one page."""
    with _lock:
        found = [
            policy
            for (owner, resource_id), target in _targets.items()
            if owner == scope and request.get("ResourceId") in (None, resource_id)
            for policy in target.policies.values()
        ]
    return {"ScalingPolicies": found}


OPERATIONS: Final[dict[str, Operation]] = {
    "DeleteScalingPolicy": delete_policy,
    "DeregisterScalableTarget": deregister,
    "DescribeScalableTargets": describe_targets,
    "DescribeScalingPolicies": describe_policies,
    "PutScalingPolicy": put_policy,
    "RegisterScalableTarget": register,
}


def _resource_id(request: dict[str, Any]) -> str:
    if (request["ServiceNamespace"], request["ScalableDimension"]) != (NAMESPACE, DIMENSION):
        raise not_implemented(f"scaling of anything but {DIMENSION}")
    resource_id: str = request["ResourceId"]
    return resource_id


def _new_target(scope: Scope) -> dict[str, Any]:
    return {
        "ScalableTargetARN": f"arn:aws:application-autoscaling:{scope.region}:{scope.account}:"
        f"scalable-target/{uuid.uuid4().hex}",
        "CreationTime": now(),
    }


def _target(scope: Scope, resource_id: str) -> _Target:
    target = _targets.get((scope, resource_id))
    if target is None:
        raise _not_found(f"scalable target {resource_id}")
    return target


def _not_found(what: str) -> ApiError:
    return ApiError("ObjectNotFoundException", f"No {what} is registered.")
