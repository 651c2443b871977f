"""DeleteStack is refused while the stack is updated, as on AWS; ministack does both at once.

The message is quoted in https://github.com/aws-amplify/amplify-backend/pull/2366, for one such
status, and by others for UPDATE_IN_PROGRESS.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from localcloud.emulator.extension import Response
from localcloud.emulator.names import private

HANDLERS = "ministack.services.cloudformation.handlers"


def repair() -> None:
    """Look at the status first."""
    actions = private(f"{HANDLERS}:_ACTION_HANDLERS")
    delete: Callable[[dict[str, Any]], Response] = actions["DeleteStack"]
    find: Callable[[str], dict[str, Any] | None] = private(f"{HANDLERS}:_resolve_stack")
    parameter: Callable[[dict[str, Any], str], str] = private(f"{HANDLERS}:_p")
    error: Callable[[str, str], Response] = private(f"{HANDLERS}:_error")

    @wraps(delete)
    def delete_unless_updating(parameters: dict[str, Any]) -> Response:
        stack = find(parameter(parameters, "StackName"))
        status = stack["StackStatus"] if stack else ""
        if stack and status.startswith("UPDATE_") and status.endswith("_IN_PROGRESS"):
            return error(
                "ValidationError",
                f"Stack [{stack['StackId']}] cannot be deleted while in status {status}",
            )
        return delete(parameters)

    actions["DeleteStack"] = delete_unless_updating
