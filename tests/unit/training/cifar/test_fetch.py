"""The download survives what happens to downloads; the server is a real one on this machine."""

import hashlib
import io
import re
import socket
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from rich.console import Console

from training.cifar.fetch import fetch
from training.errors import ArchiveUnavailableError

CONTENT = bytes(range(256)) * 4096
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
# `time.sleep` refuses it: a test fails where a pause was taken that should not have been.
NEVER = (-1.0,)

Download = Callable[..., Path]


class Server(ThreadingHTTPServer):
    """Serves `content`, with the misfortunes that a test asks for; `ranges` are the requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = CONTENT
        self.knows_ranges = True
        self.cuts: list[int] = []
        """Of the next replies: how many bytes of the body are sent before the line drops."""
        self.statuses: list[int] = []
        """Of the next replies: errors instead of content."""
        self.ranges: list[str | None] = []
        self.url = f"http://127.0.0.1:{self.server_port}/archive.tar.gz"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers["Range"]
        self.server.ranges.append(wanted)
        if self.server.statuses:
            self.send_error(self.server.statuses.pop(0))
            return
        start = 0
        if wanted and self.server.knows_ranges:
            match = re.fullmatch(r"bytes=(\d+)-", wanted)
            assert match
            start = int(match[1])
            if start >= len(self.server.content):
                self.send_error(416)
                return
            self.send_response(206)
            last = len(self.server.content) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{last + 1}")
        else:
            self.send_response(200)
        body = self.server.content[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.cuts.pop(0)] if self.server.cuts else body)

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def output() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def download(server: Server, tmp_path: Path, output: io.StringIO) -> Download:
    def run(pauses: tuple[float, ...] = (0.0, 0.0)) -> Path:
        console = Console(file=output)
        return fetch(url=server.url, md5=MD5, folder=tmp_path, console=console, pauses=pauses)

    return run


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_archive_is_downloaded_once_with_one_line_of_log(
    download: Download, server: Server, tmp_path: Path, output: io.StringIO
) -> None:
    path = download(pauses=NEVER)
    assert path.read_bytes() == CONTENT
    assert "archive.tar.gz" in output.getvalue()
    assert output.getvalue().count("\n") <= 1
    assert download(pauses=NEVER) == path
    assert server.ranges == [None]
    assert _names(tmp_path) == ["archive.tar.gz"]


def test_damaged_file_in_the_cache_is_replaced(download: Download, tmp_path: Path) -> None:
    (tmp_path / "archive.tar.gz").write_bytes(CONTENT[:-1])
    assert download().read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("knows_ranges", "ranges"),
    [
        (True, [None, "bytes=300000-", "bytes=500000-"]),
        (False, [None, "bytes=300000-", "bytes=200000-"]),
    ],
    ids=["resumed", "from the beginning"],
)
def test_broken_transfer_is_resumed_if_the_server_knows_ranges(
    download: Download, server: Server, knows_ranges: bool, ranges: list[str | None]
) -> None:
    server.knows_ranges = knows_ranges
    server.cuts = [300_000, 200_000]
    assert download().read_bytes() == CONTENT
    assert server.ranges == ranges


def test_pauses_start_anew_when_bytes_arrived(download: Download, server: Server) -> None:
    server.cuts = [100_000] * 6
    assert download(pauses=(0.0,)).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("part", "ranges"),
    [
        (CONTENT[:1000], ["bytes=1000-"]),
        (CONTENT, [f"bytes={len(CONTENT)}-"]),
        (b"the beginning of an older archive", ["bytes=33-", None]),
    ],
    ids=["a part", "complete", "of another file"],
)
def test_transfer_of_an_earlier_run_is_resumed(
    download: Download, server: Server, tmp_path: Path, part: bytes, ranges: list[str | None]
) -> None:
    (tmp_path / "archive.tar.gz.part").write_bytes(part)
    assert download().read_bytes() == CONTENT
    assert server.ranges == ranges


def test_wrong_checksum_is_an_error_and_leaves_nothing(
    download: Download, server: Server, tmp_path: Path
) -> None:
    server.content = b"<html>Please log in</html>"
    with pytest.raises(ArchiveUnavailableError, match=f"the published archive has {MD5}"):
        download(pauses=NEVER)
    assert server.ranges == [None]
    assert _names(tmp_path) == []


def test_passing_server_error_is_retried(download: Download, server: Server) -> None:
    server.statuses = [503, 429]
    assert download().read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("status", "reason", "pauses", "requests"),
    [(404, "Not Found", NEVER, 1), (500, "Internal Server Error", (0.0, 0.0), 3)],
)
def test_server_that_refuses_is_given_up(
    download: Download,
    server: Server,
    status: int,
    reason: str,
    pauses: tuple[float, ...],
    requests: int,
) -> None:
    server.statuses = [status] * 9
    with pytest.raises(ArchiveUnavailableError, match=reason):
        download(pauses=pauses)
    assert len(server.ranges) == requests


def test_what_arrived_is_kept_for_the_next_run(
    download: Download, server: Server, tmp_path: Path
) -> None:
    server.cuts = [300_000]
    with pytest.raises(ArchiveUnavailableError):
        download(pauses=())
    assert (tmp_path / "archive.tar.gz.part").stat().st_size == 300_000
    assert download().read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=300000-"]


def test_machine_without_network_learns_it_at_once(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/archive.tar.gz"
    with pytest.raises(ArchiveUnavailableError, match="cannot be downloaded: .*refused"):
        fetch(url=url, md5=MD5, folder=tmp_path, pauses=NEVER)


def test_a_folder_that_cannot_be_written_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ArchiveUnavailableError, match=r"file/scones.*XDG_CACHE_HOME"):
        fetch(folder=tmp_path / "file" / "scones")
