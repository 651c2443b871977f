"""Judges the calls that services make as a role without a request over HTTP."""

from collections.abc import Mapping
from typing import Any

from localcloud.emulator.enforcement.sessions import session_of
from localcloud.emulator.extension import current_region
from localcloud.emulator.names import private

ENFORCE = "ministack.core.iam_evaluator:enforce"


class AccessDeniedError(Exception):
    """A call that no policy allows, or that one denies; the message is AWS's."""


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
    """Judge a call of the role, in the session of that name; return if it is allowed.

    Raises:
        AccessDeniedError: it is not.
    """
    if is_enforced():
        authorize(session_of(role_arn, session).access_key, action, resource, context)


def authorize(
    access_key: str, action: str, resource: str, context: Mapping[str, Any] | None = None
) -> None:
    """Judge a call made with an access key; return if it is allowed.

    Raises:
        AccessDeniedError: it is not.
    """
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
    # Without a decision the caller is unknown, and the refusal words that itself.
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
