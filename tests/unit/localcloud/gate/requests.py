"""Requests to the gate, as the server of the emulator hands them on."""

import asyncio
from typing import Any

from botocore.auth import HmacV1QueryAuth, S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from localcloud.emulator.enforcement.judge import Session
from localcloud.emulator.gate import guarded

PORT = 4566
URL = f"http://127.0.0.1:{PORT}"

EVERY_PAGE = [(b"Access-Control-Allow-Origin", b"*")]
"""Header by which ministack lets every page read an answer; the gate removes it."""

Answer = tuple[int, bytes]
Sent = tuple[Answer, bytes | None]


FORMS = {"header": S3SigV4Auth, "link": S3SigV4QueryAuth, "old link": HmacV1QueryAuth}
"""Ways to sign a request to S3."""


def signed(
    session: Session, request: AWSRequest, signer: Any, service: str = "s3", **options: Any
) -> AWSRequest:
    credentials = Credentials(session.access_key, session.secret_key, session.token)
    names = () if signer is HmacV1QueryAuth else (service, "us-east-1")
    signer(credentials, *names, **options).add_auth(request)
    return request


def send(
    method: str = "GET",
    url: str = f"{URL}/",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    *,
    kind: str = "http",
    pieces: int = 2,
) -> Sent:
    """Return the answer of the gate, and the body that came through, None if nothing did."""
    path, _, query = url.removeprefix(URL).partition("?")
    scope = {
        "type": kind,
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [
            (name.lower().encode(), value.encode())
            for name, value in ({"host": f"127.0.0.1:{PORT}"} | (headers or {})).items()
        ],
    }
    length = max(1, -(-len(body) // pieces))
    parts = [body[start : start + length] for start in range(0, len(body), length)] or [b""]
    messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    messages.append({"type": "http.request", "body": b"", "more_body": False})
    arrived: list[bytes | None] = [None]
    answered: dict[str, Any] = {"status": 0, "body": b""}

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def answer(message: Any) -> None:
        answered.update({name: message[name] for name in ("status", "body") if name in message})
        answered["type"] = message["type"]
        names = [name.lower() for name, _ in message.get("headers", ())]
        assert not [name for name in names if name.startswith(b"access-control-")]

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        arrived[0] = b""
        while (message := await receive())["more_body"]:
            arrived[0] += message["body"]
        await send({"type": "http.response.start", "status": 200, "headers": EVERY_PAGE})
        await send({"type": "http.response.body", "body": b"done"})

    async def pass_through() -> None:
        await guarded(app, PORT)(scope, receive, answer)

    asyncio.run(pass_through())
    if kind == "websocket":
        assert answered["type"] == "websocket.close"
    return (answered["status"], answered["body"]), arrived[0]
