"""Replies and capture files as no endpoint writes them: valid ones with some places changed."""

import base64
import gzip
import json
import re

from hypothesis import strategies as st

TOKEN = re.compile(rb'"[^"]*"|[-+.\w]+|[][{},:]')

PIECES = [
    *(b"", b"[", b"]", b"{", b"}", b",", b":", b'"', b"\\", b"\n", b"\r\n", b"\0", b"\xff"),
    *(b"null", b"true", b"NaN", b"-Infinity", b'""', b"{}", b"[]", b'"\\ud800"', b"\xef\xbb\xbf"),
    *(b"0", b"1", b"-1e-9", b"1.0000001192", b"2", b"1e999", b"1" * 400, b"1" * 5000),
    *(b"[" * 3000, b"[" * 3000 + b"]" * 3000, b'{"a":' * 3000, b"0," * 200_000, b"\n" * 1000),
    *(b'"BASE64"', b'"JSON"', b'"CSV"', b'"ROT13"', b'"0001-01-01T00:00:00+14:00"'),
    *(b'"9999-12-31T23:59:59-14:00"', b'"2024-10-15T14:05:12"', b'"x"', b'"\xc3\xbc"', b"\xe9"),
]


@st.composite
def edited(draw: st.DrawFn, valid: bytes) -> bytes:
    """Draw valid content with up to three places changed: tokens, or bytes anywhere."""
    content = valid
    for _ in range(draw(st.integers(0, 3))):
        places = [match.span() for match in TOKEN.finditer(content[:10_000])]
        at_token = draw(st.integers(0, 3)) > 0
        if at_token and places:
            start, end = draw(st.sampled_from(places))
        else:
            start = draw(st.integers(0, len(content)))
            end = draw(st.integers(start, len(content)))
        twice = content[start:end] * 2
        piece = draw(st.sampled_from([*PIECES, twice]) | st.binary(max_size=4))
        content = content[:start] + piece + content[end:]
    return content


replies = edited(b"[0.25, 0.75]")


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """A line of a capture file."""
    reply = draw(replies)
    readable = reply.decode("utf-8", "replace")
    output = draw(
        st.sampled_from([("JSON", readable), ("BASE64", base64.b64encode(reply).decode())])
    )
    record = {
        "captureData": {
            "endpointInput": _payload("BASE64", draw(st.sampled_from(["", "iVBORw0KGgo="]))),
            "endpointOutput": _payload(*output),
        },
        "eventMetadata": {
            "eventId": draw(st.sampled_from(["one", "two", "three"])),
            "inferenceId": draw(st.sampled_from(["", "mine", "baseline-1"])),
            "inferenceTime": "2024-10-15T14:05:12Z",
        },
    }
    return draw(edited(json.dumps(record).encode()))


def _payload(encoding: str, data: str) -> dict[str, str]:
    return {"observedContentType": "image/png", "encoding": encoding, "data": data}


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """A capture file, of a few lines, now and then in gzip, and that whole or damaged."""
    content = draw(st.sampled_from([b"\n", b"\r\n", b"\n \n"])).join(
        draw(st.lists(lines(), max_size=3))
    )
    match draw(st.integers(0, 3)):
        case 0:
            return gzip.compress(content, 1, mtime=0)
        case 1:
            return draw(edited(gzip.compress(content, 1, mtime=0)))
    return content
