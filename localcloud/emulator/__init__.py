"""The one place that touches ministack's private names: extensions and repairs of the emulator."""

from localcloud.emulator import functions, repairs, speed
from localcloud.emulator.enforcement import enforce
from localcloud.emulator.enforcement.judge import session_of
from localcloud.emulator.extension import (
    Attributes,
    Properties,
    ResourceType,
    Response,
    ServiceHandler,
    TaskError,
    add_resource_types,
    add_service,
    add_task,
    current_account,
    current_region,
    endpoint_url,
    sdk_result,
    serve,
)
from localcloud.emulator.gate import shut
from localcloud.emulator.names import PrivateNameError

__all__ = [
    "Attributes",
    "PrivateNameError",
    "Properties",
    "ResourceType",
    "Response",
    "ServiceHandler",
    "TaskError",
    "add_resource_types",
    "add_service",
    "add_task",
    "current_account",
    "current_region",
    "endpoint_url",
    "enforce",
    "repair",
    "sdk_result",
    "serve",
    "session_of",
    "shut",
]


def repair() -> None:
    """Make ministack do as AWS does, sooner and on less memory; once, before it serves.

    Raises:
        PrivateNameError: the installed ministack is not the one the repairs were written for.
    """
    functions.repair()
    repairs.repair()
    speed.hasten()
