"""The HTTP side: requests go from the emulator's event loop to threads that may block."""

import asyncio
import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from urllib.parse import unquote

from localcloud.emulator.extension import Response
from localcloud.sagemaker import contract, operations, runtime
from localcloud.sagemaker.contract import ApiError
from localcloud.sagemaker.records import Scope

_TARGETS: Final[dict[str, contract.Service]] = {
    "SageMaker": "sagemaker",
    "AnyScaleFrontendService": "application-autoscaling",
}
_INVOCATION: Final = re.compile(r"/endpoints/(?P<endpoint>[^/]+)/invocations")

# The emulator serves S3 with its default pool: operations that wait for S3 on threads of that pool
# could wait for ever. Invocations have their own pool so as not to wait for operations.
_control = ThreadPoolExecutor(16, thread_name_prefix="sagemaker-control")
_invocations = ThreadPoolExecutor(64, thread_name_prefix="sagemaker-invocation")


async def handle(
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    query: dict[str, list[str]],  # noqa: ARG001 - the operations have none
) -> Response:
    """Serve one request of a control plane (JSON 1.1) or of the runtime (REST JSON)."""
    scope = Scope.current()
    run = asyncio.get_running_loop().run_in_executor
    target, _, operation = headers.get("x-amz-target", "").partition(".")
    if target in _TARGETS:
        return await run(_control, _control_plane, scope, _TARGETS[target], operation, body)
    return await run(_invocations, _runtime, scope, method, path, headers, body)


def _control_plane(
    scope: Scope, service: contract.Service, operation: str, body: bytes
) -> Response:
    headers = {"Content-Type": "application/x-amz-json-1.1"}
    try:
        response = operations.call(scope, operation, _decode(body), service=service)
    except ApiError as error:
        content = {"__type": error.code, "message": error.message, **error.fields}
        return error.status, headers, json.dumps(content).encode()
    return 200, headers, json.dumps(response).encode()


def _decode(body: bytes) -> object:
    try:
        return json.loads(body or b"{}")
    except ValueError as error:
        raise ApiError("SerializationException", f"The request is not JSON: {error}") from error


def _runtime(
    scope: Scope, method: str, path: str, headers: dict[str, str], body: bytes
) -> Response:
    try:
        match = _INVOCATION.fullmatch(path)
        if method != "POST" or match is None:
            raise ApiError(
                "UnknownOperationException",
                f"The local cloud does not implement {method} {path}; of the SageMaker runtime it "
                "has POST /endpoints/{name}/invocations.",
                status=404,
            )
        return runtime.invoke_endpoint(scope, unquote(match["endpoint"]), headers, body)
    except ApiError as error:
        return runtime.error_response(error)
