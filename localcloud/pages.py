"""Tells requests of web pages from all others, for every HTTP server of the local cloud.

Any page that a browser shows may send requests to this machine. Nothing of the local cloud is made
for pages, not even for one that it serves itself, such as an HTML object in a bucket.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address
from typing import Final

BY_THE_USER: Final = "none"
"""`Sec-Fetch-Site` of an address that the user typed or pasted, such as a presigned URL."""

_HOST: Final = re.compile(
    r"(?:\[(?P<ipv6>[0-9a-f:.]+)\]|(?P<name>[a-z0-9._-]+))(?::(?P<port>[0-9]{1,5}))?", re.IGNORECASE
)
_SHOWN: Final = 200


def refusal(headers: Mapping[str, str], port: int) -> str | None:
    """Return why a request to `port` is refused, None if no page can have sent it.

    `headers` have lower-case names.
    """
    if "origin" in headers:
        return f"Requests of web pages are refused (Origin: {headers['origin'][:_SHOWN]})."
    site = headers.get("sec-fetch-site", BY_THE_USER)
    if site != BY_THE_USER:
        return f"Requests of web pages are refused (Sec-Fetch-Site: {site[:_SHOWN]})."
    host = headers.get("host", "")
    if not _leads_here_only(host, port):
        # DNS may let any other name lead here, and its pages would be of one origin with us.
        return f"Requests for the host {host[:_SHOWN]!r} are refused; use http://127.0.0.1:{port}."
    return None


def refuses(handler: BaseHTTPRequestHandler) -> bool:
    """Answer a request that `refusal` refuses; return whether it was one."""
    headers: dict[str, str] = {}
    for name, value in handler.headers.items():
        key = name.lower()
        headers[key] = f"{headers[key]},{value}" if key in headers else value
    reason = refusal(headers, handler.connection.getsockname()[1])
    if reason is not None:
        handler.send_error(HTTPStatus.FORBIDDEN, explain=reason)
    return reason is not None


def _leads_here_only(host: str, port: int) -> bool:
    match = _HOST.fullmatch(host)
    if match is None or int(match["port"] or 80) != port:
        return False
    name = (match["name"] or "").lower()
    # Names below localhost, such as those of S3's buckets, never leave the machine (RFC 6761).
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(match["ipv6"] or name).is_loopback
    except ValueError:
        return False
