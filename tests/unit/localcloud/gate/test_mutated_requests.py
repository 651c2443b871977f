"""No request without the right signature arrives, however it is put together."""

import functools
from dataclasses import replace

import hypothesis
from botocore.awsrequest import AWSRequest
from hypothesis import strategies as st

from localcloud.emulator.enforcement.judge import session_of
from tests.unit.localcloud.gate.requests import FORMS, PORT, URL, send, signed

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


@functools.cache  # the same for all examples, or none could be tried again
def forged(form: str) -> AWSRequest:
    """Return a request that is right but for the secret."""
    role = session_of("arn:aws:iam::000000000000:role/gate", "mutated")
    request = AWSRequest("GET", f"{URL}/bucket/key?versionId=1")
    if form == "none":
        return request
    return signed(replace(role, secret_key="wrong"), request, FORMS[form])


@fuzzed
@hypothesis.given(data=st.data(), form=st.sampled_from([*FORMS, "none"]))
def test_no_mutation_of_a_forged_request_arrives(data: st.DataObject, form: str) -> None:
    request = forged(form)
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
