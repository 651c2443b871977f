"""Finds out who signed a request: Signature Version 4 of all services, and S3's older links."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, quote

from localcloud.emulator.names import private

EVALUATOR: Final = "ministack.core.iam_evaluator"
SIGNING: Final = "ministack.core.sigv4"
RESPONSES: Final = "ministack.core.responses"
NAMES: Final = {
    "decode_value": f"{SIGNING}:decode_header_value",
    "parse_header": f"{SIGNING}:parse_header_signature",
    "parse_query": f"{SIGNING}:parse_query_signature",
    "expired": f"{SIGNING}:presigned_request_is_expired",
    "time_failure": f"{SIGNING}:request_time_failure",
    "signature_failure": f"{SIGNING}:header_signature_failure",
    "mismatch": f"{SIGNING}:SIGNATURE_MISMATCH",
    "signed_request": f"{EVALUATOR}:SignedRequest",
    "check_version_2": f"{EVALUATOR}:_sigv2_check",
    "resolve": f"{EVALUATOR}:resolve_credential",
    "resolved": f"{EVALUATOR}:ResolvedCredential",
    "key_owner": f"{EVALUATOR}:find_iam_access_key_account",
    "session_owner": f"{RESPONSES}:_account_from_sts_session",
    "default_owner": f"{RESPONSES}:get_account_id",
    "claimed_key": "ministack.core.router:extract_access_key_id",
    "virtual_host": "ministack.app:_extract_s3_vhost_bucket",
}
"""Every request is checked with these; they are looked up before the first one comes."""

HASH: Final = "x-amz-content-sha256"
UNKNOWN: Final = "The security token included in the request is invalid."
CHUNK_SIGNATURES: Final = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"

Query = dict[str, list[str]]


class NotAuthenticatedError(Exception):
    """No holder of credentials signed the request; `code` is AWS's name of the reason."""

    def __init__(self, code: str, message: str) -> None:
        """`message` is AWS's, for services without a message for it."""
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Request:
    """A request over HTTP, without its body."""

    method: str
    path: str
    raw_path: str
    query: Query
    headers: Mapping[str, str]
    """By their names in lower case; values of a repeated one are joined by a comma."""

    @classmethod
    def of(cls, scope: Mapping[str, Any]) -> "Request":
        """Return the request of an ASGI scope."""
        decode = _ministack("decode_value")
        headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            key, text = name.decode("latin-1").lower(), decode(value)
            headers[key] = f"{headers[key]},{text}" if key in headers else text
        raw_path = scope.get("raw_path") or quote(scope["path"]).encode()
        query = scope["query_string"].decode("utf-8", errors="replace")
        return cls(
            method=scope["method"],
            path=scope["path"],
            raw_path=raw_path.decode("latin-1"),
            query=parse_qs(query, keep_blank_values=True),
            headers=headers,
        )

    @property
    def authorization(self) -> str:
        """The Authorization header, or an empty string."""
        return self.headers.get("authorization", "")

    @property
    def signs_its_body(self) -> bool:
        """Return whether checking the signature takes the body."""
        if "X-Amz-Signature" in self.query:
            return "/s3/" not in self.query.get("X-Amz-Credential", [""])[0]
        content_hash = self.headers.get(HASH, "")
        return not content_hash or content_hash.startswith(CHUNK_SIGNATURES)


def authenticate(request: Request, body: bytes) -> None:
    """Check the signature of a request; raise NotAuthenticatedError unless it is right."""
    if request.authorization.startswith("AWS4-HMAC-SHA256"):
        parsed = _ministack("parse_header")(request.headers)
        _check(request, parsed, body, presigned=False)
    elif request.authorization:
        raise NotAuthenticatedError("UnsupportedSignature", "Please use AWS4-HMAC-SHA256.")
    elif "X-Amz-Signature" in request.query:
        parsed = _ministack("parse_query")(request.query)
        _check(request, parsed, body, presigned=True)
    elif "Signature" in request.query and "AWSAccessKeyId" in request.query:
        _check_version_2(request)
    else:
        raise NotAuthenticatedError(
            "MissingAuthenticationToken", "Request is missing Authentication Token"
        )


def _check(request: Request, signature: Any, body: bytes, *, presigned: bool) -> None:
    if isinstance(signature, tuple):
        raise NotAuthenticatedError(*signature)
    key = signature.access_key_id
    _refuse_another(request, key)
    if presigned:
        token = _value(request.query, "X-Amz-Security-Token")
        _refuse_expired(signature.amz_date, _value(request.query, "X-Amz-Expires"))
    else:
        token = request.headers.get("x-amz-security-token", "")
        _refuse(_ministack("time_failure")(signature))
    secret = _credential(key, token).secret_access_key
    mismatch = ("SignatureDoesNotMatch", _ministack("mismatch"))
    if "host" not in signature.signed_headers.split(";"):
        raise NotAuthenticatedError(*mismatch)
    try:
        failure = _ministack("signature_failure")(
            signature,
            secret,
            request.method,
            request.raw_path,
            request.query,
            request.headers,
            body,
            presigned=presigned,
        )
    except TypeError:  # signatures, of chunks as well, are compared as text, which must be ASCII
        failure = mismatch
    _refuse(failure)


def _check_version_2(request: Request) -> None:
    """Check a link in the older form, in which boto3 presigns S3's by default."""
    key = _value(request.query, "AWSAccessKeyId")
    _refuse_another(request, key)
    bucket = _ministack("virtual_host")(request.headers.get("host", ""))
    signed = _ministack("signed_request")(
        key,
        request.method,
        request.raw_path,
        request.query,
        dict(request.headers),
        sigv2=True,
        auth_path=f"/{bucket}{request.raw_path}" if bucket else request.raw_path,
    )
    _accepted(_ministack("check_version_2")(signed, _account(key)))


def _refuse_another(request: Request, key: str) -> None:
    """Refuse a request that ministack would take for that of another key than the signing one."""
    claimed = _ministack("claimed_key")(request.headers, request.query)
    if claimed != key:
        raise NotAuthenticatedError("UnsupportedSignature", "Sign with one key only.")


def _refuse_expired(signed: str, seconds: str) -> None:
    try:
        expired = _ministack("expired")(signed, seconds)
    except ValueError:
        expired = True
    if expired:
        raise NotAuthenticatedError("RequestExpired", "Request has expired")


def _credential(key: str, token: str) -> Any:
    try:
        return _accepted(_ministack("resolve")(key, _account(key), token))
    except NotAuthenticatedError as refusal:
        if refusal.code == "InvalidToken" and not token:
            # As on AWS, temporary credentials without their token are unknown ones.
            raise NotAuthenticatedError("UnrecognizedClientException", UNKNOWN) from refusal
        raise


def _account(key: str) -> str:
    account: str | None = _ministack("session_owner")(key)
    if account is None:
        account = _ministack("key_owner")(key)
    return account or _ministack("default_owner")()


def _accepted(found: Any) -> Any:
    """Return a credential, or raise the refusal that ministack returns in its place."""
    if not isinstance(found, _ministack("resolved")):
        raise NotAuthenticatedError(found.code, found.message)
    return found


def _refuse(failure: tuple[str, str] | None) -> None:
    if failure is not None:
        raise NotAuthenticatedError(*failure)


def _value(query: Query, name: str) -> str:
    return query.get(name, [""])[0]


def _ministack(name: str) -> Any:
    # Looked up at each request: the gate itself replaces some.
    return private(NAMES[name])
