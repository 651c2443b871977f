"""Executions that EventBridge starts, judged as calls of the target's role."""

import contextvars
import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from localcloud.emulator.enforcement.judge import AccessDeniedError, authorize_role
from localcloud.emulator.names import private, replace

MODULE = "ministack.services.eventbridge"
INVOKE = f"{MODULE}:_invoke_target"
START = f"{MODULE}:_dispatch_to_stepfunctions"

_logger = logging.getLogger(__name__)
_role: contextvars.ContextVar[str] = contextvars.ContextVar("target_role", default="")


def judge() -> None:
    """Start no execution that the target's role may not start; the event is lost, as on AWS."""
    invoke: Callable[..., None] = private(INVOKE)
    start: Callable[[str, str], None] = private(START)

    @wraps(invoke)
    def invoke_as_role(target: dict[str, Any], *rest: Any) -> None:
        token = _role.set(target.get("RoleArn", ""))
        try:
            invoke(target, *rest)
        finally:
            _role.reset(token)

    @wraps(start)
    def start_if_allowed(machine: str, event: str) -> None:
        try:
            authorize_role(_role.get(), "EventBridge", "states:StartExecution", machine)
        except AccessDeniedError as denial:
            _logger.warning("EventBridge does not start %s: %s", machine, denial)
        else:
            start(machine, event)

    replace(INVOKE, invoke_as_role)
    replace(START, start_if_allowed)
