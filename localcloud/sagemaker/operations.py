"""The operations of the control planes: their requests, and their calls by Step Functions."""

import json
from collections.abc import Mapping
from typing import Any, Final

from localcloud.emulator.extension import TaskError, sdk_result
from localcloud.sagemaker import (
    contract,
    endpoint_configs,
    endpoints,
    models,
    scaling,
    training_jobs,
    transform_jobs,
)
from localcloud.sagemaker.contract import ApiError, invalid
from localcloud.sagemaker.endpoint_configs import ENDPOINT_CONFIGS
from localcloud.sagemaker.endpoints import ENDPOINTS
from localcloud.sagemaker.models import MODELS
from localcloud.sagemaker.records import Operation, Record, Scope, Table, arn_of, kind_of
from localcloud.sagemaker.training_jobs import TRAINING_JOBS
from localcloud.sagemaker.transform_jobs import TRANSFORM_JOBS

SDK_TASK: Final = "arn:aws:states:::aws-sdk:sagemaker:"
TRANSFORM_TASK: Final = "arn:aws:states:::sagemaker:createTransformJob"

_TABLES: Final[dict[str, Table[Any]]] = {
    kind_of(table.record): table
    for table in (TRAINING_JOBS, TRANSFORM_JOBS, MODELS, ENDPOINT_CONFIGS, ENDPOINTS)
}


def add_tags(scope: Scope, request: dict[str, Any]) -> dict[str, Any]:
    """AddTags; an existing key gets the new value."""
    record = _tagged(scope, request)
    record.tags = record.tags | {tag["Key"]: tag["Value"] for tag in request["Tags"]}
    return list_tags(scope, request)


def list_tags(scope: Scope, request: dict[str, Any]) -> dict[str, Any]:
    """ListTags, always on one page."""
    tags = _tagged(scope, request).tags
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


def delete_tags(scope: Scope, request: dict[str, Any]) -> None:
    """DeleteTags; keys that do not exist are ignored."""
    record = _tagged(scope, request)
    gone = set(request["TagKeys"])
    record.tags = {key: value for key, value in record.tags.items() if key not in gone}


def _tagged(scope: Scope, request: dict[str, Any]) -> Record:
    arn: str = request["ResourceArn"]
    kind, _, name = arn.rpartition(":")[2].partition("/")
    if kind not in _TABLES or arn != arn_of(_TABLES[kind].record, scope, name):
        raise invalid(f"No resource of account {scope.account}, region {scope.region} is {arn}.")
    record: Record = _TABLES[kind].get(scope, name)
    return record


OPERATIONS: Final[dict[str, Operation]] = {
    "AddTags": add_tags,
    "CreateEndpoint": endpoints.create,
    "CreateEndpointConfig": endpoint_configs.create,
    "CreateModel": models.create,
    "CreateTrainingJob": training_jobs.create,
    "CreateTransformJob": transform_jobs.create,
    "DeleteEndpoint": endpoints.delete,
    "DeleteEndpointConfig": ENDPOINT_CONFIGS.delete,
    "DeleteModel": MODELS.delete,
    "DeleteTags": delete_tags,
    "DescribeEndpoint": ENDPOINTS.describe,
    "DescribeEndpointConfig": ENDPOINT_CONFIGS.describe,
    "DescribeModel": MODELS.describe,
    "DescribeTrainingJob": TRAINING_JOBS.describe,
    "DescribeTransformJob": TRANSFORM_JOBS.describe,
    "ListEndpointConfigs": ENDPOINT_CONFIGS.listed,
    "ListEndpoints": ENDPOINTS.listed,
    "ListModels": MODELS.listed,
    "ListTags": list_tags,
    "ListTrainingJobs": TRAINING_JOBS.listed,
    "ListTransformJobs": TRANSFORM_JOBS.listed,
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
    """Check a request, run its operation, and return the response as JSON."""
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


def run_sdk_task(resource: str, arguments: Any) -> Any:
    """Run the operation at the end of `resource`; name errors as the SDK for Java does."""
    action = resource.removeprefix(SDK_TASK)
    name = f"{action[:1].upper()}{action[1:]}"
    response = _call_by_task(name, arguments, unnamed="SageMaker")
    return sdk_result(response, contract.operation_model(name).output_shape)


def run_transform_task(resource: str, arguments: Any) -> dict[str, Any]:
    """Start a transform job; with `.sync`, wait until it ends and return its description.

    Raises:
        TaskError: the request is refused, with the error's name in Step Functions; or
            States.TaskFailed, with the description, for a job that does not complete.
    """
    created = _call_by_task("CreateTransformJob", arguments, unnamed="AmazonSageMaker")
    if not resource.endswith(".sync"):
        return created
    scope, name = Scope.current(), arguments["TransformJobName"]
    TRANSFORM_JOBS.get(scope, name).wait()
    description = call(scope, "DescribeTransformJob", {"TransformJobName": name})
    if description["TransformJobStatus"] != "Completed":
        raise TaskError("States.TaskFailed", json.dumps(description))
    return description


def _call_by_task(name: str, arguments: Any, *, unnamed: str) -> dict[str, Any]:
    """Call an operation; `unnamed` stands for errors that the API's model does not name."""
    try:
        return call(Scope.current(), name, arguments)
    except ApiError as error:
        code = error.code if error.code.startswith("Resource") else unnamed
        raise TaskError(f"SageMaker.{code}Exception", error.message) from error
