"""Refuse web pages, and requests that are not signed with credentials of this local cloud.

Every request passes here before ministack, or anything that extends it, sees it. ministack itself
answers pages, takes some access keys and requests without any for the administrator's, and without
IAM checks no signature.

- `signatures.py`: who signed a request;
- `holders.py`: whose credentials are right, and what functions and links get.
"""

import os
from collections.abc import Awaitable, Callable, MutableMapping
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from localcloud import pages
from localcloud.credentials import Credentials
from localcloud.emulator.gate import holders
from localcloud.emulator.gate.signatures import (
    NAMES,
    NotAuthenticatedError,
    Request,
    authenticate,
)
from localcloud.emulator.names import Function, around, private, replace
from localcloud.environment import CREDENTIALS_FILE, HEALTH_PATH

APP: Final = "ministack.app:app"
FAILURE: Final = "ministack.app:_credential_failure"
AUTH_ERROR: Final = "ministack.core.iam_evaluator:AuthError"
AUTH_FAILURE: Final = "ministack.core.iam_actions:_auth_failure"
DETECT: Final = "ministack.core.router:detect_service"
SEND: Final = "ministack.app:_send_response"

SECRET_LINKS: Final = ("/_ministack/cfn-response/", "/_ministack/cfn-signal/")
"""Prefixes of paths that end in a random word, to which custom resources PUT their result."""

FORM: Final = "application/x-www-form-urlencoded"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def shut() -> None:
    """Refuse pages and strangers from now on; once, before the emulator serves."""
    port = int(os.environ["GATEWAY_PORT"])
    for name in (*NAMES.values(), FAILURE, AUTH_ERROR, DETECT, SEND):
        private(name)
    holders.know(Credentials.read(Path(os.environ[CREDENTIALS_FILE])))
    _name_the_remedy(port)
    _refuse_pages_elsewhere()
    replace(APP, guarded(private(APP), port))


def guarded(app: Callable[..., Awaitable[None]], port: int) -> Callable[..., Awaitable[None]]:
    """Return the ASGI application `app` with the gate in front of it."""

    async def gate(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await app(scope, receive, send)
        elif scope["type"] == "websocket":  # none of the services here has one
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await admit(Request.of(scope), scope, receive, send)

    async def admit(request: Request, scope: Message, receive: Receive, send: Send) -> None:
        if (reason := pages.refusal(request.headers, port)) is not None:
            await _refuse(request, "AccessDenied", reason, send)
        elif (request.method, request.path) == ("GET", HEALTH_PATH):
            await private(SEND)(send, 200, {}, b"")
        elif request.method == "PUT" and request.path.startswith(SECRET_LINKS):
            await app(scope, receive, _without_cors(send))
        else:
            body = b""
            if request.signs_its_body:
                body, receive = await _read(receive)
            try:
                authenticate(request, body)
            except NotAuthenticatedError as refusal:
                await _refuse(request, refusal.code, str(refusal), send)
            else:
                await app(scope, receive, _without_cors(send))

    return gate


async def _refuse(request: Request, code: str, message: str, send: Send) -> None:
    error = private(AUTH_ERROR)(code, message)
    status, headers, body = private(FAILURE)(
        _service(request), "", str(uuid4()), error, dict(request.headers)
    )
    await private(SEND)(send, status, headers, body, head=request.method == "HEAD")


def _service(request: Request) -> str:
    """Return the service in whose form the client expects an error."""
    headers, service = request.headers, "s3"
    # Looking a service up may take seconds, and pages cannot send these two unasked.
    if request.authorization or "x-amz-target" in headers:
        service = private(DETECT)(request.method, request.path, dict(headers), request.query)
    if service != "s3":
        return service
    if "x-amz-target" in headers:  # of a service that ministack knows by the signature only
        return "sagemaker"
    return "sts" if headers.get("content-type", "").startswith(FORM) else "s3"


async def _read(receive: Receive) -> tuple[bytes, Receive]:
    """Return the body of a request, and what lets it be read once more."""
    messages = [await receive()]
    while messages[-1].get("more_body"):
        messages.append(await receive())
    body = b"".join(message.get("body", b"") for message in messages)
    unread = iter(messages)

    async def again() -> Message:
        message = next(unread, None)
        return await receive() if message is None else message

    return body, again


def _without_cors(send: Send) -> Send:
    """Return `send` without ministack's invitation of every page to read the response."""

    async def send_without(message: Message) -> None:
        headers = [
            (name, value)
            for name, value in message.get("headers", ())
            if not name.lower().startswith(b"access-control-")
        ]
        await send({**message, "headers": headers} if "headers" in message else message)

    return send_without


def _name_the_remedy(port: int) -> None:
    remedy = f'Run eval "$(scones local env --port {port})" to use its credentials.'

    @around(AUTH_FAILURE)
    def with_remedy(failure: Function, *arguments: Any) -> tuple[str, int, str]:
        code, status, message = failure(*arguments)
        return code, status, f"{message.rstrip('. ')}. {remedy}"


def _refuse_pages_elsewhere() -> None:
    """Refuse pages at the other ports of this process: those of Lambda's runtime API."""

    @around("http.server:BaseHTTPRequestHandler.parse_request")
    def parse_request(parse: Function, handler: BaseHTTPRequestHandler) -> bool:
        return parse(handler) and not pages.refuses(handler)
