"""CloudFormation calls a custom resource's function asynchronously: Lambda retries failed calls.

ministack calls it once and ignores how the call ended: where its worker dies, the deployment waits
an hour for an answer that never comes.
"""

from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import Any

from localcloud.emulator.names import private, replace

REQUEST = "ministack.services.cloudformation.custom_resource:invoke_custom_resource"
CALL = "ministack.services.lambda_svc:_execute_function_with_config_scope"
CALL_ASYNCHRONOUSLY = "ministack.services.lambda_svc:invoke_async_with_retry"

Function = dict[str, Any]


def repair() -> None:
    """Let requests to custom resources be calls of the type Event."""
    request: Callable[..., Any] = private(REQUEST)
    call: Callable[[Function, Any], Any] = private(CALL)
    call_asynchronously: Callable[[Function, Any], None] = private(CALL_ASYNCHRONOUSLY)
    requesting: ContextVar[bool] = ContextVar("requesting", default=False)

    @wraps(request)
    def request_asynchronously(*arguments: Any, **options: Any) -> Any:
        token = requesting.set(True)
        try:
            return request(*arguments, **options)
        finally:
            requesting.reset(token)

    @wraps(call)
    def call_as_requested(function: Function, event: Any) -> Any:
        return (call_asynchronously if requesting.get() else call)(function, event)

    replace(REQUEST, request_asynchronously)
    replace(CALL, call_as_requested)
