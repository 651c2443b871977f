"""Pages in a browser, where one is installed."""

import json
import shutil
import subprocess
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)

needs_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no Chromium or Chrome on PATH"
)


class _Site(ThreadingHTTPServer):
    """A server of this machine, with pages by path."""

    def __init__(self, pages: Mapping[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages = pages
        self.results: Any = None
        self.done = threading.Event()


class _Handler(BaseHTTPRequestHandler):
    server: _Site

    def do_GET(self) -> None:
        page = self.server.pages.get(self.path)
        self.send_response(204 if page is None else 200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        if page is not None:
            self.wfile.write(page.encode())

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.server.results = json.loads(self.rfile.read(length))
        self.send_response(204)
        self.end_headers()
        self.server.done.set()

    def log_message(self, *_: Any) -> None: ...


def browse(pages: Mapping[str, str], profile: Path) -> tuple[Any, list[str]]:
    """Return the JSON that the page "/" posts to "/done", and the lines of the console.

    Args:
        pages: HTML by path.
        profile: folder of the browser's own, which it makes.
    """
    with _Site(pages) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        command = [
            str(CHROMIUM),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            "--no-proxy-server",
            "--enable-logging=stderr",
            f"--user-data-dir={profile}",
            "--remote-debugging-port=0",
            f"http://127.0.0.1:{site.server_port}/",
        ]
        log = profile.with_suffix(".log")
        with log.open("wb") as output:
            browser = subprocess.Popen(command, stdout=output, stderr=output)
            try:
                assert site.done.wait(60), log.read_text(errors="replace")
            finally:
                browser.terminate()
                browser.wait(20)
                site.shutdown()
        said = log.read_text(errors="replace").splitlines()
        return site.results, [line for line in said if "CONSOLE" in line]
