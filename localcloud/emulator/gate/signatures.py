"""Finds out who signed a request: Signature Version 4 of all services, and S3's older links."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, quote

from localcloud.emulator.names import private

EVALUATOR: Final = "ministack.core.iam_evaluator"
SIGNING: Final = "ministack.core.sigv4"

DECODE_VALUE: Final = f"{SIGNING}:decode_header_value"
PARSE_HEADER: Final = f"{SIGNING}:parse_header_signature"
PARSE_QUERY: Final = f"{SIGNING}:parse_query_signature"
EXPIRED: Final = f"{SIGNING}:presigned_request_is_expired"
TIME_FAILURE: Final = f"{SIGNING}:request_time_failure"
SIGNATURE_FAILURE: Final = f"{SIGNING}:header_signature_failure"
MISMATCH: Final = f"{SIGNING}:SIGNATURE_MISMATCH"
SIGNED_REQUEST: Final = f"{EVALUATOR}:SignedRequest"
CHECK_VERSION_2: Final = f"{EVALUATOR}:_sigv2_check"
RESOLVE: Final = f"{EVALUATOR}:resolve_credential"
RESOLVED: Final = f"{EVALUATOR}:ResolvedCredential"
KEY_OWNER: Final = f"{EVALUATOR}:find_iam_access_key_account"
SESSION_OWNER: Final = "ministack.core.responses:_account_from_sts_session"
DEFAULT_OWNER: Final = "ministack.core.responses:get_account_id"
CLAIMED_KEY: Final = "ministack.core.router:extract_access_key_id"
VIRTUAL_HOST: Final = "ministack.app:_extract_s3_vhost_bucket"
NAMES: Final = (
    DECODE_VALUE,
    PARSE_HEADER,
    PARSE_QUERY,
    EXPIRED,
    TIME_FAILURE,
    SIGNATURE_FAILURE,
    MISMATCH,
    SIGNED_REQUEST,
    CHECK_VERSION_2,
    RESOLVE,
    RESOLVED,
    KEY_OWNER,
    SESSION_OWNER,
    DEFAULT_OWNER,
    CLAIMED_KEY,
    VIRTUAL_HOST,
)
"""What every request is checked with: to be looked for before the first one comes."""

HASH: Final = "x-amz-content-sha256"
UNKNOWN: Final = "The security token included in the request is invalid."
CHUNK_SIGNATURES: Final = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"

Query = dict[str, list[str]]


class NotAuthenticatedError(Exception):
    """Nobody that the cloud knows signed the request; `code` is AWS's name of the reason."""

    def __init__(self, code: str, message: str) -> None:
        """`message` is AWS's, for services that have none of their own."""
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
        decode = private(DECODE_VALUE)
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
        """The header of that name, empty if there is none."""
        return self.headers.get("authorization", "")

    @property
    def signs_its_body(self) -> bool:
        """Whether the signature cannot be checked without the body."""
        if "X-Amz-Signature" in self.query:
            return "/s3/" not in self.query.get("X-Amz-Credential", [""])[0]
        content_hash = self.headers.get(HASH, "")
        return not content_hash or content_hash.startswith(CHUNK_SIGNATURES)


def authenticate(request: Request, body: bytes) -> None:
    """Check the signature of a request; return if it is right.

    Raises:
        NotAuthenticatedError: it is not, or the cloud does not know who signed.
    """
    if request.authorization.startswith("AWS4-HMAC-SHA256"):
        parsed = private(PARSE_HEADER)(request.headers)
        _check(request, parsed, body, presigned=False)
    elif request.authorization:
        raise NotAuthenticatedError("UnsupportedSignature", "Please use AWS4-HMAC-SHA256.")
    elif "X-Amz-Signature" in request.query:
        parsed = private(PARSE_QUERY)(request.query)
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
        _refuse(private(TIME_FAILURE)(signature))
    secret = _credential(key, token).secret_access_key
    mismatch = ("SignatureDoesNotMatch", private(MISMATCH))
    if "host" not in signature.signed_headers.split(";"):
        raise NotAuthenticatedError(*mismatch)
    try:
        failure = private(SIGNATURE_FAILURE)(
            signature,
            secret,
            request.method,
            request.raw_path,
            request.query,
            request.headers,
            body,
            presigned=presigned,
        )
    except TypeError:  # signatures, of chunks as well, are compared as text that has to be ASCII
        failure = mismatch
    _refuse(failure)


def _check_version_2(request: Request) -> None:
    """Check a link in the older form, in which boto3 presigns S3's by default."""
    key = _value(request.query, "AWSAccessKeyId")
    _refuse_another(request, key)
    bucket = private(VIRTUAL_HOST)(request.headers.get("host", ""))
    signed = private(SIGNED_REQUEST)(
        key,
        request.method,
        request.raw_path,
        request.query,
        dict(request.headers),
        sigv2=True,
        auth_path=f"/{bucket}{request.raw_path}" if bucket else request.raw_path,
    )
    _accepted(private(CHECK_VERSION_2)(signed, _account(key)))


def _refuse_another(request: Request, key: str) -> None:
    """Refuse a request that ministack would take for that of another key than the signing one."""
    claimed = private(CLAIMED_KEY)(request.headers, request.query)
    if claimed != key:
        raise NotAuthenticatedError("UnsupportedSignature", "Sign with one key only.")


def _refuse_expired(signed: str, seconds: str) -> None:
    try:
        expired = private(EXPIRED)(signed, seconds)
    except ValueError:
        expired = True
    if expired:
        raise NotAuthenticatedError("RequestExpired", "Request has expired")


def _credential(key: str, token: str) -> Any:
    try:
        return _accepted(private(RESOLVE)(key, _account(key), token))
    except NotAuthenticatedError as refusal:
        if refusal.code == "InvalidToken" and not token:
            # As on AWS, temporary credentials without their token are unknown ones.
            raise NotAuthenticatedError("UnrecognizedClientException", UNKNOWN) from refusal
        raise


def _account(key: str) -> str:
    account: str | None = private(SESSION_OWNER)(key)
    if account is None:
        account = private(KEY_OWNER)(key)
    return account or private(DEFAULT_OWNER)()


def _accepted(found: Any) -> Any:
    """Return a credential, or raise the refusal that ministack returns in its place."""
    if not isinstance(found, private(RESOLVED)):
        raise NotAuthenticatedError(found.code, found.message)
    return found


def _refuse(failure: tuple[str, str] | None) -> None:
    if failure is not None:
        raise NotAuthenticatedError(*failure)


def _value(query: Query, name: str) -> str:
    return query.get(name, [""])[0]
