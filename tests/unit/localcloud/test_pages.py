import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from localcloud import pages

PORT = 4566


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "127.0.0.1:4566"},
        {"host": "localhost:4566"},
        {"host": "LOCALHOST:4566"},
        {"host": "[::1]:4566"},
        {"host": "pictures.localhost:4566"},
        {"host": "my.pictures.s3.us-east-1.localhost:4566"},
        {"host": "127.0.0.1:4566", "sec-fetch-site": "none"},
        {"host": "127.0.0.1:4566", "sec-fetch-mode": "cors"},  # Node.js sends it
    ],
    ids=str,
)
def test_tools_and_addresses_that_the_user_typed_are_not_refused(headers: dict[str, str]) -> None:
    assert pages.refusal(headers, PORT) is None


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        ({"origin": "https://elsewhere.example"}, "Origin: https://elsewhere.example"),
        ({"origin": "null"}, "Origin: null"),
        ({"origin": ""}, "Origin"),
        ({"origin": "http://127.0.0.1:4566"}, "Origin"),
        ({"sec-fetch-site": "cross-site"}, "Sec-Fetch-Site: cross-site"),
        ({"sec-fetch-site": "same-site"}, "Sec-Fetch-Site"),
        ({"sec-fetch-site": "same-origin"}, "Sec-Fetch-Site"),
        ({"sec-fetch-site": "none,cross-site"}, "Sec-Fetch-Site"),
        ({"host": "rebound.example:4566"}, "rebound.example:4566"),
        ({"host": "127.0.0.1.rebound.example:4566"}, "use http://127.0.0.1:4566"),
        ({"host": "localhost.rebound.example:4566"}, "rebound"),
        ({"host": "notlocalhost:4566"}, "notlocalhost"),
        ({"host": "127.0.0.1"}, "127.0.0.1"),
        ({"host": "127.0.0.1:80"}, "127.0.0.1:80"),
        ({"host": "127.0.0.1:4566@rebound.example:4566"}, "rebound"),
        ({"host": "rebound.example/.localhost:4566"}, "rebound"),
        ({"host": "10.0.0.1:4566"}, "10.0.0.1"),
        ({"host": "0.0.0.0:4566"}, "0.0.0.0"),
        ({"host": "[::]:4566"}, "::"),
        ({"host": ""}, "''"),
    ],
    ids=str,
)
def test_what_a_page_can_send_is_refused_by_name(headers: dict[str, str], named: str) -> None:
    reason = pages.refusal({"host": "127.0.0.1:4566"} | headers, PORT)

    assert reason is not None
    assert named in reason


def test_a_request_without_a_host_is_refused() -> None:
    assert pages.refusal({}, PORT) is not None


def test_the_port_of_http_need_not_be_given() -> None:
    assert pages.refusal({"host": "localhost"}, 80) is None


class Handler(BaseHTTPRequestHandler):
    """Takes everything but pages."""

    def parse_request(self) -> bool:
        return super().parse_request() and not pages.refuses(self)

    def do_POST(self) -> None:
        Handler.taken += 1
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""

    taken = 0


@pytest.fixture
def port() -> Iterator[int]:
    """Port of a server that refuses pages."""
    Handler.taken = 0
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def answer(port: int, *headers: tuple[str, str]) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest("POST", "/", skip_host=True)
    for name, value in headers:
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    result = response.status, response.read().decode()
    connection.close()
    return result


def test_a_server_refuses_pages_and_says_why(port: int) -> None:
    host = ("Host", f"127.0.0.1:{port}")
    for refused in (
        (host, ("Origin", "null")),
        (host, ("Sec-Fetch-Site", "none"), ("Sec-Fetch-Site", "cross-site")),
        (host, ("Host", f"rebound.example:{port}")),
        (("Host", f"rebound.example:{port}"), host),
        (),
    ):
        status, body = answer(port, *refused)
        assert (status, "refused" in body) == (403, True), refused
    assert Handler.taken == 0

    assert answer(port, host)[0] == 200
    assert Handler.taken == 1
