"""Reach AWS from the checks: clients that give up early, shared calls, errors in words."""

import threading
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from operations import aws
from operations.preflight.findings import Finding, Verdict

NO_ANSWER = (BotoCoreError, ClientError, ResponseParserError)
"""Errors of calls that did not get the answer they asked for."""

_DENIED = ("AccessDenied", "AccessDeniedException", "AuthorizationError")
_CONFIG = Config(
    connect_timeout=2, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2}
)


class Aws:
    """Clients for several threads, created when they are needed."""

    def __init__(self) -> None:
        # Threads may share clients but not create them, which may wait for credentials.
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str | None], Any] = {}

    @property
    def region(self) -> str:
        """Return the region of the deployment."""
        return aws.region()

    def client(self, service: str, *, region: str | None = None) -> Any:
        """Return the client of a service, by default in the region of the deployment."""
        key = service, region
        with self._lock:
            if key not in self._clients:
                session: Any = aws.session()  # its types know the names of services as literals
                self._clients[key] = session.client(service, region_name=region, config=_CONFIG)
            return self._clients[key]

    def parameter(self, name: str) -> str | None:
        """Return the value of an SSM parameter; None if it does not exist."""
        ssm = self.client("ssm")
        try:
            value: str = ssm.get_parameter(Name=name)["Parameter"]["Value"]
        except ssm.exceptions.ParameterNotFound:
            return None
        return value

    def stack_outputs(self, stack: str) -> dict[str, str]:
        """Return the outputs of a stack; none if it is not deployed."""
        return aws.outputs_of(self.client("cloudformation"), stack) or {}


def not_checked(error: Exception) -> Finding:
    """Return the finding "could not check" for one of `NO_ANSWER`, with its reason."""
    if not isinstance(error, ClientError):
        return Finding(Verdict.NOT_CHECKED, str(error))
    code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
    if code in _DENIED:
        return Finding(
            Verdict.NOT_CHECKED,
            f"{code} on {error.operation_name}: {message}",
            "allow this identity the action, or run the preflight with an identity that may",
        )
    if code.isdigit():  # botocore's code, the HTTP status, of a reply that is no error of AWS
        code, message = f"HTTP {code}", "no answer from AWS; emulators lack some services"
    return Finding(Verdict.NOT_CHECKED, f"{error.operation_name}: {code}: {message}")
