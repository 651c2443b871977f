"""The operations of the control plane, and how a request becomes a response."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from localcloud.sagemaker import (
    contract,
    endpoint_configs,
    endpoints,
    models,
    scaling,
    tags,
    training_jobs,
    transform_jobs,
)
from localcloud.sagemaker.errors import ApiError
from localcloud.sagemaker.store import Scope

Operation = Callable[[Scope, dict[str, Any]], dict[str, Any] | None]

OPERATIONS: Final[dict[str, Operation]] = {
    "AddTags": tags.add,
    "CreateEndpoint": endpoints.create,
    "CreateEndpointConfig": endpoint_configs.create,
    "CreateModel": models.create,
    "CreateTrainingJob": training_jobs.create,
    "CreateTransformJob": transform_jobs.create,
    "DeleteEndpoint": endpoints.delete,
    "DeleteEndpointConfig": endpoint_configs.delete,
    "DeleteModel": models.delete,
    "DeleteTags": tags.delete,
    "DeleteTrainingJob": training_jobs.delete,
    "DescribeEndpoint": endpoints.describe,
    "DescribeEndpointConfig": endpoint_configs.describe,
    "DescribeModel": models.describe,
    "DescribeTrainingJob": training_jobs.describe,
    "DescribeTransformJob": transform_jobs.describe,
    "ListEndpointConfigs": endpoint_configs.list_endpoint_configs,
    "ListEndpoints": endpoints.list_endpoints,
    "ListModels": models.list_models,
    "ListTags": tags.list_tags,
    "ListTrainingJobs": training_jobs.list_training_jobs,
    "ListTransformJobs": transform_jobs.list_transform_jobs,
    "StopTrainingJob": training_jobs.stop,
    "StopTransformJob": transform_jobs.stop,
    "UpdateEndpoint": endpoints.update,
    "UpdateEndpointWeightsAndCapacities": endpoints.update_capacities,
}
"""Add an operation here: a function of (scope, checked request) to the members of its response.

They run on threads and may block; datetimes in requests and responses are aware."""

_SERVICES: Final[Mapping[contract.Service, Mapping[str, Operation]]] = {
    "sagemaker": OPERATIONS,
    "application-autoscaling": scaling.OPERATIONS,
}


def call(
    scope: Scope, name: str, request: object, *, service: contract.Service = "sagemaker"
) -> dict[str, Any]:
    """Check a request, run its operation, and return the response as JSON.

    Raises:
        ApiError: the operation is unknown, or refuses the request.
    """
    offered = _SERVICES[service]
    if name not in offered:
        raise ApiError(
            "UnknownOperationException",
            f"The local cloud does not implement the {service} operation {name}; "
            f"it has: {', '.join(offered)}.",
        )
    checked = contract.parse_request(contract.input_shape(name, service), request)
    response = offered[name](scope, checked) or {}
    output_shape = contract.operation_model(name, service).output_shape
    if output_shape is None:
        return {}
    shaped: dict[str, Any] = contract.to_response(output_shape, response)
    return shaped
