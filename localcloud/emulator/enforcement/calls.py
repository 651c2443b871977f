"""Records each judged call of a role once, as a line of JSON."""

import contextvars
import json
import os
import threading
from pathlib import Path
from typing import Any

from localcloud.emulator.enforcement.judge import ENFORCE
from localcloud.emulator.names import Function, around, private
from localcloud.environment import CALLS_FILE

EVALUATOR = "ministack.core.iam_evaluator"

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
    resolve: Function = private(f"{EVALUATOR}:_resolve_condition_key")
    roles = private("ministack.services.iam:_roles")

    @around(f"{EVALUATOR}:evaluate")
    def evaluate_and_keep(evaluate: Function, context: Any, *policies: Any) -> Any:
        judged = _judged.get()
        if judged is not None:
            judged.append(context)
        return evaluate(context, *policies)

    @around(ENFORCE)
    def enforce_and_record(enforce: Function, *arguments: Any, **options: Any) -> Any:
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


def _role_arn(roles: Any, call: Any) -> str:
    name = call.principal_arn.split("/")[1]
    role = roles.get_scoped(call.principal_account, None, name) or {}
    return role.get("Arn") or f"arn:aws:iam::{call.principal_account}:role/{name}"
