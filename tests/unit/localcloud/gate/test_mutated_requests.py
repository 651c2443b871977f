"""No request without the right signature arrives, however it is put together."""

import functools

import hypothesis
from botocore.auth import HmacV1QueryAuth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import strategies as st

from localcloud.emulator.enforcement.judge import Session, session_of
from tests.unit.localcloud.gate.requests import PORT, URL, send

# A hundred examples in a second, and thousands with the profile "thorough".
fuzzed = hypothesis.settings(max_examples=20 * hypothesis.settings().max_examples)

PIECES = (
    *("", "0", "-1", " ", ",", "=", "/", ";", "&", "%", "%00", "%ff", "\0", "\xff", "x" * 5000),
    *("test", "000000000000", "AKIAIOSFODNN7EXAMPLE", "s3", "sts", "iot-data", "host", "none"),
    *("AWS4-HMAC-SHA256 ", "AWS4-ECDSA-P256-SHA256 ", "AWS ", "Bearer ", "9" * 400, "\u00fc"),
    *("Credential=", "Signature=", "SignedHeaders=", "test/20260101/us-east-1/s3/aws4_request"),
    *("20260101T000000Z", "20269999", "UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
)
NAMES = (
    *("authorization", "date", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"),
    *("x-amz-target", "x-amz-region-set", "content-type", "smithy-protocol", "host", "origin"),
    *("sec-fetch-site", "x-forwarded-proto", "x-http-method-override", "upgrade"),
)
PARAMETERS = (
    *("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders"),
    *("X-Amz-Date", "X-Amz-Expires", "X-Amz-Security-Token", "X-Amz-Region-Set", "Expires"),
    *("AWSAccessKeyId", "Signature", "SignatureVersion", "Action", "x-amz-signature"),
)
PATHS = (
    *("", "bucket", "/key", "//", "..", "%2e", "?", "#"),
    *("_ministack/reset", "2015-03-31/functions"),
)

pieces = st.lists(st.sampled_from(PIECES), max_size=4).map("".join) | st.text(max_size=20)


@st.composite
def changed(draw: st.DrawFn, text: str) -> str:
    """A text with a piece put in the place of some of it."""
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, len(text)))
    return text[:start] + draw(pieces) + text[end:]


def stranger() -> Session:
    """Return the known key of a role, with a secret that is not its own."""
    role = session_of("arn:aws:iam::000000000000:role/gate", "mutated")
    return Session(role.arn, role.access_key, "wrong", role.token)


@functools.cache  # the same for all examples, or none could be tried again
def valid(form: str) -> AWSRequest:
    """Return a request that is right but for the secret."""
    session = stranger()
    credentials = Credentials(session.access_key, session.secret_key, session.token)
    request = AWSRequest("GET", f"{URL}/bucket/key?versionId=1")
    if form == "header":
        SigV4Auth(credentials, "s3", "us-east-1").add_auth(request)
    elif form == "link":
        S3SigV4QueryAuth(credentials, "s3", "us-east-1").add_auth(request)
    elif form == "old link":
        HmacV1QueryAuth(credentials).add_auth(request)
    return request


@fuzzed
@hypothesis.given(data=st.data(), form=st.sampled_from(["header", "link", "old link", "none"]))
def test_no_mutation_of_a_forged_request_arrives(data: st.DataObject, form: str) -> None:
    request = valid(form)
    path, _, query = str(request.url).removeprefix(URL).partition("?")
    headers = {name.lower(): str(value) for name, value in request.headers.items()}
    headers["host"] = f"127.0.0.1:{PORT}"
    for _ in range(data.draw(st.integers(0, 3))):
        place = data.draw(st.sampled_from(["header", "query", "parameter", "path"]))
        if place == "header":
            name = data.draw(st.sampled_from([*headers, *NAMES]))
            headers[name] = data.draw(changed(headers.get(name, "")))
        elif place == "query":
            query = data.draw(changed(query))
        elif place == "parameter":
            query += f"&{data.draw(st.sampled_from(PARAMETERS))}={data.draw(pieces)}"
        else:
            path += data.draw(st.sampled_from(PATHS))
    method = data.draw(st.sampled_from(["GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE"]))
    body = data.draw(st.sampled_from([b"", b"Action=ListTopics", b"{}", b"\0\xff"]))

    (status, answer), arrived = send(method, f"{URL}{path}?{query}", headers, body)

    assert arrived is None
    assert status in (400, 401, 403)
    assert len(answer) < 10_000
