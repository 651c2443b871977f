"""ListObjectVersions encodes keys as URLs where it is asked to, and lists each version once.

ministack answers with the keys themselves, which for a control character is no XML; and of a bucket
without versions, a page begins with the last object of the page before.
"""

import re
from collections.abc import Callable
from functools import wraps
from typing import Any, Final
from urllib.parse import quote
from xml.sax.saxutils import unescape

from localcloud.emulator.names import private, replace

LIST: Final = "ministack.services.s3:_list_object_versions"
VERSIONS: Final = "ministack.services.s3:_object_versions"
QUERY: Final = "ministack.services.s3:_qp"

_ENCODED = re.compile(
    r"<(?P<tag>Key|Prefix|Delimiter|KeyMarker|NextKeyMarker)>(?P<text>.*?)</(?P=tag)>", re.DOTALL
)

Response = tuple[int, dict[str, str], bytes]


def repair() -> None:
    """Encode what S3's reference says is encoded, and go on behind the marker."""
    versions: dict[tuple[str, str], Any] = private(VERSIONS)
    list_versions: Callable[..., Response] = private(LIST)
    parameter: Callable[[dict[str, Any], str, str], str] = private(QUERY)

    @wraps(list_versions)
    def list_encoded(bucket: str, query: dict[str, Any]) -> Response:
        if (bucket, parameter(query, "key-marker", "")) not in versions:
            query = {name: value for name, value in query.items() if name != "version-id-marker"}
        status, headers, body = list_versions(bucket, query)
        if status == 200 and parameter(query, "encoding-type", "") == "url":
            text = _ENCODED.sub(_encoded, body.decode())
            end = "</ListVersionsResult>"
            body = text.replace(end, f"<EncodingType>url</EncodingType>{end}").encode()
        return status, headers, body

    replace(LIST, list_encoded)


def _encoded(element: re.Match[str]) -> str:
    tag, text = element["tag"], quote(unescape(element["text"]), safe="/")
    return f"<{tag}>{text}</{tag}>"
