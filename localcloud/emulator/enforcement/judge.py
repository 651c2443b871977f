"""Judges calls that services make as a role, without a request over HTTP."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from localcloud.emulator.extension import current_region
from localcloud.emulator.names import private

ENFORCE = "ministack.core.iam_evaluator:enforce"
STS = "ministack.services.sts"

SESSION_NAME_LENGTH = 64

_SECRET: Final = secrets.token_bytes(32)
"""Random for each process, so that the keys of a session cannot be computed elsewhere."""


@dataclass(frozen=True)
class Session:
    """Temporary credentials of a role."""

    arn: str
    access_key: str
    secret_key: str
    token: str


def session_of(role_arn: str, name: str) -> Session:
    """Return the credentials of the session `name` of a role, the same at every call.

    A role that does not exist has them as well, and may do nothing.
    """
    account = role_arn.split(":")[4]
    role = role_arn.rpartition("/")[2]
    name = name[:SESSION_NAME_LENGTH]
    digest = hmac.digest(_SECRET, f"{role_arn} {name}".encode(), hashlib.sha256).hex()
    session = Session(
        arn=f"arn:aws:sts::{account}:assumed-role/{role}/{name}",
        access_key=f"ASIA{digest[:16].upper()}",
        secret_key=f"secret-{digest}",
        token=f"token-{digest}",
    )
    if session.access_key not in private(f"{STS}:_sessions"):
        private(f"{STS}:register_session")(
            session.access_key,
            {
                "Arn": session.arn,
                "UserId": f"{role}:{name}",
                "SecretAccessKey": session.secret_key,
                "SessionToken": session.token,
            },
        )
    return session


class AccessDeniedError(Exception):
    """A policy denies the call, or none allows it; the message is AWS's."""


def is_enforced() -> bool:
    """Return whether calls are judged in this process."""
    enforced: bool = private("ministack.app:AUTH")
    return enforced


def authorize_role(
    role_arn: str,
    session: str,
    action: str,
    resource: str,
    context: Mapping[str, Any] | None = None,
) -> None:
    """Judge a call of the role in a session; raise AccessDeniedError unless it is allowed."""
    if is_enforced():
        authorize(session_of(role_arn, session).access_key, action, resource, context)


def authorize(
    access_key: str, action: str, resource: str, context: Mapping[str, Any] | None = None
) -> None:
    """Judge a call made with an access key; raise AccessDeniedError unless it is allowed."""
    service = action.partition(":")[0]
    refusal = private(ENFORCE)(
        access_key,
        action,
        service,
        current_region(),
        resource_arn=resource,
        service_context=dict(context or {}),
    )
    if refusal is None:
        return
    # A refusal without a decision says that the caller is unknown.
    decision = getattr(refusal, "decision", None)
    raise AccessDeniedError(denial(action, resource, refusal) if decision else refusal.message)


def denial(action: str, resource: str, result: Any) -> str:
    """Return the message of a denial, which `result` explains."""
    if result.resource_policy_arn:
        reason = "with an explicit deny in a resource-based policy"
    elif result.decision == "Deny":
        reason = "with an explicit deny in an identity-based policy"
    else:
        reason = f"because no identity-based policy allows the {action} action"
    return (
        f"User: {result.principal_arn} is not authorized to perform: {action} "
        f"on resource: {resource} {reason}"
    )
