import hashlib
import hmac
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest

from localcloud.emulator.enforcement.judge import Session, session_of
from tests.unit.localcloud.gate.requests import FORMS, PORT, URL, Sent, send, signed


@pytest.fixture
def role() -> Session:
    return session_of("arn:aws:iam::000000000000:role/gate", "test")


def send_signed(request: AWSRequest, body: bytes = b"") -> Sent:
    headers = {name: str(value) for name, value in request.headers.items()}
    return send(str(request.method), str(request.url), headers, body)


JSON = {"X-Amz-Target": "AWSStepFunctions.ListStateMachines"}


def test_a_signed_request_arrives_with_its_whole_body(role: Session) -> None:
    body = b'{"maxResults": 1}' * 100
    request = AWSRequest("POST", f"{URL}/", headers=JSON, data=body)

    answer, arrived = send_signed(signed(role, request, SigV4Auth, "states"), body)

    assert answer == (200, b"done")
    assert arrived == body


def test_a_signed_request_with_another_body_does_not_arrive(role: Session) -> None:
    request = AWSRequest("POST", f"{URL}/", headers=JSON, data=b"{}")

    (status, body), arrived = send_signed(signed(role, request, SigV4Auth, "states"), b"{ }")

    assert (status, arrived) == (400, None)
    assert b"InvalidSignatureException" in body


PATHS = [
    *("/bucket/key", "/bucket/a%20b%2Bc/%C3%BC//..%2F", "/bucket/a//b/../c"),
    "/bucket/?prefix=a%2Fb&list-type=2",
]


class Saying(S3SigV4Auth):
    """Signs that the payload is what a header says, and not its hash."""

    said = ""

    def payload(self, request: AWSRequest) -> str:
        return self.said or str(super().payload(request))


class Unsigned(Saying):
    said = "UNSIGNED-PAYLOAD"


class Trailing(Saying):
    said = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


class Chunked(Saying):
    said = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("signer", [Saying, Unsigned, Trailing])
def test_s3_takes_payloads_signed_or_not(role: Session, path: str, signer: type[Saying]) -> None:
    request = AWSRequest("PUT", f"{URL}{path}", data=b"content")

    answer, arrived = send_signed(signed(role, request, signer), b"content")

    assert (answer[0], arrived) == (200, b"content")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("form", ["link", "old link"])
def test_links_of_s3_work_until_they_end(role: Session, path: str, form: str) -> None:
    def link(expires: Any) -> str:
        request = AWSRequest("GET", f"{URL}{path}")
        return str(signed(role, request, FORMS[form], expires=expires).url)

    assert send(url=link(60))[1] == b""
    bad = [link(-60), link(60).replace("bucket", "other"), link(60) + "0"]
    for refused in bad if form == "old link" else [*bad, link("never")]:
        (status, _), arrived = send(url=refused)
        assert (status, arrived) == (403, None), refused


def test_chunks_are_held_to_their_signatures(role: Session) -> None:
    request = signed(role, AWSRequest("PUT", f"{URL}/bucket/key"), Chunked)
    body = chunks(role, request, b"content")

    assert send_signed(request, body)[1] == body
    (status, answer), arrived = send_signed(request, body.replace(b"content", b"CONTENT"))
    assert (status, arrived) == (403, None)
    assert b"SignatureDoesNotMatch" in answer
    assert send_signed(request, body.replace(b"signature=", b"signature=\xff"))[1] is None


def chunks(role: Session, request: AWSRequest, content: bytes) -> bytes:
    """Return the body of `request` in signed chunks, as some SDKs send it.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
    """
    date = request.headers["X-Amz-Date"]
    scope = f"{date[:8]}/us-east-1/s3/aws4_request"
    key = f"AWS4{role.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), hashlib.sha256)
    previous = request.headers["Authorization"].rpartition("=")[2]
    body = b""
    for chunk in (content, b""):
        hashes = [hashlib.sha256(part).hexdigest() for part in (b"", chunk)]
        text = "\n".join(["AWS4-HMAC-SHA256-PAYLOAD", date, scope, previous, *hashes])
        previous = hmac.digest(key, text.encode(), hashlib.sha256).hex()
        body += f"{len(chunk):x};chunk-signature={previous}\r\n".encode() + chunk + b"\r\n"
    return body


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "wrong",
    [
        {"access_key": "ASIAUNKNOWN", "secret_key": "secret", "token": "token"},
        {"secret_key": "wrong"},
        {"token": "wrong"},
        {"token": ""},
    ],
    ids=str,
)
def test_strangers_do_not_get_in(role: Session, wrong: dict[str, str], form: str) -> None:
    request = AWSRequest("GET", f"{URL}/bucket/key")

    (status, _), arrived = send_signed(signed(replace(role, **wrong), request, FORMS[form]))

    assert (status in (400, 403), arrived) == (True, None)


@pytest.mark.parametrize(
    ("headers", "url"),
    [
        ({}, "/bucket"),
        ({"Authorization": "Bearer token"}, "/bucket"),
        ({"Authorization": "AWS test:signature"}, "/bucket"),
        ({"Authorization": "AWS4-HMAC-SHA256 Credential=test"}, "/bucket"),
        ({"Authorization": "AWS4-ECDSA-P256-SHA256 Credential=test/20260101/s3/aws4_request"}, "/"),
        ({}, "/?AWSAccessKeyId=test&Signature=x"),
        ({}, "/?X-Amz-Credential=test/20260101/us-east-1/lambda/aws4_request"),
        *(
            ({}, f"/_ministack/{command}")
            for command in ("reset", "config", "ready", "ses/messages", "sqs/messages")
        ),
        ({}, "/_ministack/cfn-response/token"),  # which takes PUT without one
        ({}, "/?Action=ListTopics"),
    ],
    ids=str,
)
def test_unsigned_requests_do_not_arrive(headers: dict[str, str], url: str) -> None:
    for method in ("GET", "POST", "OPTIONS", *([] if "cfn-response" in url else ["PUT"])):
        (status, _), arrived = send(method, URL + url, headers)
        assert (status in (400, 403), arrived) == (True, None), method


def test_a_request_that_names_a_second_key_does_not_arrive(role: Session) -> None:
    url = f"{URL}/bucket?AWSAccessKeyId=test"
    request = signed(role, AWSRequest("GET", url), S3SigV4QueryAuth)
    assert send_signed(request)[1] is not None  # the key that signed is the one that counts

    header = signed(role, AWSRequest("GET", f"{URL}/bucket"), S3SigV4Auth)
    first = "Credential=test/20260101/us-east-1/s3/aws4_request, Credential="
    header.headers["Authorization"] = header.headers["Authorization"].replace("Credential=", first)

    assert send_signed(header)[1] is None


def test_a_signature_without_the_host_or_of_yesterday_is_refused(role: Session) -> None:
    class WithoutHost(SigV4Auth):
        def headers_to_sign(self, request: Any) -> Any:
            headers = super().headers_to_sign(request)
            del headers["host"]
            return headers

    request = AWSRequest("POST", f"{URL}/", headers=JSON, data=b"{}")
    assert send_signed(signed(role, request, WithoutHost, "states"), b"{}")[1] is None

    with pytest.MonkeyPatch.context() as patch:
        yesterday = datetime.fromtimestamp(time.time() - 86_400, UTC)
        patch.setattr("botocore.auth.get_current_datetime", lambda: yesterday)
        request = AWSRequest("POST", f"{URL}/", headers=JSON, data=b"{}")
        old = signed(role, request, SigV4Auth, "states")
    assert send_signed(old, b"{}")[1] is None


@pytest.mark.parametrize(
    "page",
    [{"Origin": "null"}, {"Sec-Fetch-Site": "same-site"}, {"Host": f"rebound.example:{PORT}"}],
    ids=str,
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/bucket/key"),
        ("OPTIONS", "/bucket/key"),
        ("GET", "/_ministack/health"),
        ("PUT", "/_ministack/cfn-response/token"),
    ],
)
def test_pages_are_refused_whatever_they_know(
    role: Session, page: dict[str, str], method: str, path: str
) -> None:
    request = signed(role, AWSRequest(method, URL + path), S3SigV4Auth)
    headers = {name: str(value) for name, value in request.headers.items()}

    (status, body), arrived = send(method, URL + path, headers | page)

    assert (status, arrived) == (403, None)
    assert b"AccessDenied" in body


def test_websockets_are_refused() -> None:
    assert send(kind="websocket")[1] is None


def test_health_needs_no_credentials_and_says_nothing() -> None:
    assert send(url=f"{URL}/_ministack/health") == ((200, b""), None)


def test_results_of_custom_resources_need_no_credentials() -> None:
    assert send("PUT", f"{URL}/_ministack/cfn-response/token", body=b"{}")[1] == b"{}"


@pytest.mark.parametrize(
    ("headers", "form"),
    [
        ({}, b"<Error><Code>AccessDenied"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"<ErrorResponse"),
        ({"X-Amz-Target": "SageMaker.ListModels"}, b'"__type": "MissingAuthenticationToken'),
    ],
    ids=["XML", "query", "JSON"],
)
def test_errors_have_the_form_that_the_client_reads(headers: dict[str, str], form: bytes) -> None:
    assert form in send("POST", headers=headers)[0][1]
