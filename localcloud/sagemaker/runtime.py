"""InvokeEndpoint, the one operation of the runtime API."""

import json
from collections.abc import Mapping
from typing import Any, Final

from localcloud.emulator.extension import Response
from localcloud.sagemaker import contract
from localcloud.sagemaker.capture import Invocation, Payload
from localcloud.sagemaker.contract import ApiError
from localcloud.sagemaker.endpoints import serving_fleet
from localcloud.sagemaker.model_server import ModelServerError
from localcloud.sagemaker.records import Scope

_SHAPE: Final = contract.input_shape("InvokeEndpoint", "sagemaker-runtime")
_NOT_IMPLEMENTED: Final = (
    "CustomAttributes",
    "TargetModel",
    "TargetContainerHostname",
    "EnableExplanations",
    "InferenceComponentName",
    "SessionId",
    "PrefixAwareId",
)


def invoke_endpoint(
    scope: Scope, endpoint: str, headers: Mapping[str, str], body: bytes
) -> Response:
    """Return the model's answer to `body`.

    `headers` have lower-case names. The response has those of the operation's model.

    Raises:
        ApiError: ValidationError (400, or 413 for a large body) or ModelError (424).
    """
    request = _parse(endpoint, headers, body)
    with serving_fleet(scope, endpoint) as fleet:
        server = fleet.server(request.get("TargetVariant"))
        try:
            headers = {
                name: request[member]
                for member, name in (("ContentType", "Content-Type"), ("Accept", "Accept"))
                if member in request
            }
            answer = server.invoke(body, headers)
        except ModelServerError as error:
            raise _model_error(scope, endpoint, 500, str(error)) from error
        if answer.status != 200:
            message = answer.data.decode(errors="replace")
            raise _model_error(scope, endpoint, answer.status, message)
        content_type = answer.headers.get("Content-Type", "")
        if fleet.captures is not None:
            fleet.captures.capture(
                Invocation(
                    variant=server.name,
                    request=Payload(content_type=request.get("ContentType", ""), body=body),
                    response=Payload(content_type=content_type, body=answer.data),
                    inference_id=request.get("InferenceId"),
                )
            )
    response = {"Content-Type": content_type, "x-Amzn-Invoked-Production-Variant": server.name}
    return 200, response, answer.data


def error_response(error: ApiError) -> Response:
    """Return an error in the form of REST JSON."""
    content = {"Message": error.message, **error.fields}
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": error.code}
    return error.status, headers, json.dumps(content).encode()


def _parse(endpoint: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """Return the members of the request by name, without the body."""
    limit = _SHAPE.members["Body"].metadata["max"]
    if len(body) > limit:
        raise ApiError(
            "ValidationError",
            f"Request body of {len(body)} bytes is too large: at most {limit} are allowed.",
            status=413,
        )
    request = {"EndpointName": endpoint} | {
        name: headers[shape.serialization["name"].lower()]
        for name, shape in _SHAPE.members.items()
        if shape.serialization.get("location") == "header"
        and shape.serialization["name"].lower() in headers
    }
    try:
        contract.check_constraints(_SHAPE, request)
    except ApiError as error:
        raise ApiError("ValidationError", error.message) from error
    for name in _NOT_IMPLEMENTED:
        if name in request:
            raise ApiError("ValidationError", f"The local cloud does not implement {name}.")
    return request


def _model_error(scope: Scope, endpoint: str, status: int, message: str) -> ApiError:
    side = "client" if 400 <= status < 500 else "server"
    log_group = f"/aws/sagemaker/Endpoints/{endpoint}"
    return ApiError(
        "ModelError",
        f'Received {side} error ({status}) from primary with message "{message}". See the log of '
        f"endpoint {endpoint} in account {scope.account} for more information.",
        status=424,
        ErrorCode=f"{side.upper()}_ERROR_FROM_MODEL",
        OriginalStatusCode=status,
        OriginalMessage=message,
        LogStreamArn=f"arn:aws:logs:{scope.region}:{scope.account}:log-group:{log_group}",
    )
