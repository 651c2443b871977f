"""Credentials with which a service acts as a role, as STS gives them on AWS."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Final

from localcloud.emulator.names import private

SESSIONS = "ministack.services.sts:_sessions"
REGISTER = "ministack.services.sts:register_session"

SESSION_NAME_LENGTH = 64

_SECRET: Final = secrets.token_bytes(32)
"""Random for each process, so that nobody else can compute the keys of a session."""


@dataclass(frozen=True)
class Session:
    """Temporary credentials of a role."""

    arn: str
    access_key: str
    secret_key: str
    token: str


def session_of(role_arn: str, name: str) -> Session:
    """Return the credentials of the session `name` of a role; the same ones at every call.

    Whether the role exists is seen by the first call that is made with them: one that does not
    may do nothing.
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
    if session.access_key not in private(SESSIONS):
        private(REGISTER)(
            session.access_key,
            {
                "Arn": session.arn,
                "UserId": f"{role}:{name}",
                "SecretAccessKey": session.secret_key,
                "SessionToken": session.token,
            },
        )
    return session
