"""A call that outlives its function writes no log: ministack makes the deleted log group anew.

CDK's provider framework answers CloudFormation before its function returns, so this happens in
every other `cdk destroy`.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from localcloud.emulator.names import private, replace

EMIT = "ministack.services.lambda_svc:_emit_lambda_logs"
FUNCTIONS = "ministack.services.lambda_svc:_functions"


def repair() -> None:
    """Drop the log of a call whose function is gone."""
    emit: Callable[..., None] = private(EMIT)
    functions = private(FUNCTIONS)

    @wraps(emit)
    def emit_unless_deleted(function: dict[str, Any], *arguments: Any, **options: Any) -> None:
        name = (function.get("config") or function).get("FunctionName")
        if name in functions:
            emit(function, *arguments, **options)

    replace(EMIT, emit_unless_deleted)
