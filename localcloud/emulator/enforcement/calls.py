"""Records every call of a role that was judged, once, as a line of JSON."""

import contextvars
import json
import os
import threading
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from localcloud.emulator.enforcement.judge import ENFORCE
from localcloud.emulator.names import private, replace
from localcloud.environment import CALLS_FILE

EVALUATE = "ministack.core.iam_evaluator:evaluate"
RESOLVE = "ministack.core.iam_evaluator:_resolve_condition_key"
ROLES = "ministack.services.iam:_roles"

GLOBAL_KEYS = (
    "aws:PrincipalAccount",
    "aws:RequestedRegion",
    "aws:ResourceAccount",
    "aws:SecureTransport",
    "aws:SourceIp",
)
"""Condition keys of every call; not those that differ from call to call, such as the time."""

_judged: contextvars.ContextVar[list[Any] | None] = contextvars.ContextVar("judged", default=None)


class Record:
    """A file of calls, each written once."""

    def __init__(self, file: Path) -> None:
        """Begin an empty file."""
        self._file = file.open("w", encoding="utf-8", buffering=1)
        self._written: set[str] = set()
        self._lock = threading.Lock()

    def add(self, call: dict[str, Any]) -> None:
        """Write a call, unless it was written before."""
        line = json.dumps(call, sort_keys=True)
        with self._lock:
            if line not in self._written:
                self._written.add(line)
                self._file.write(f"{line}\n")


def record() -> None:
    """Write what ministack judges to the file that the launcher names."""
    calls = Record(Path(os.environ[CALLS_FILE]))
    enforce: Callable[..., Any] = private(ENFORCE)
    evaluate: Callable[..., Any] = private(EVALUATE)
    resolve: Callable[[str, Any], Any] = private(RESOLVE)
    roles = private(ROLES)

    @wraps(evaluate)
    def evaluate_and_keep(context: Any, *policies: Any) -> Any:
        judged = _judged.get()
        if judged is not None:
            judged.append(context)
        return evaluate(context, *policies)

    @wraps(enforce)
    def enforce_and_record(*arguments: Any, **options: Any) -> Any:
        judged: list[Any] = []
        token = _judged.set(judged)
        try:
            refusal = enforce(*arguments, **options)
        finally:
            _judged.reset(token)
        # The first evaluation is that of the caller's own policies; an administrator has none.
        if judged and ":assumed-role/" in judged[0].principal_arn:
            call = judged[0]
            values = {key: resolve(key, call) for key in GLOBAL_KEYS} | call.service_context
            calls.add(
                {
                    "role": _role_arn(roles, call),
                    "action": call.action,
                    "resource": call.resource_arn,
                    "context": {key: value for key, value in values.items() if value is not None},
                    "allowed": refusal is None,
                }
            )
        return refusal

    replace(EVALUATE, evaluate_and_keep)
    replace(ENFORCE, enforce_and_record)


def _role_arn(roles: Any, call: Any) -> str:
    name = call.principal_arn.split("/")[1]
    role = roles.get_scoped(call.principal_account, None, name) or {}
    return role.get("Arn") or f"arn:aws:iam::{call.principal_account}:role/{name}"
