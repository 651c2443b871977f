"""A model server for tests: answers, fails, dies or hangs as the request's body says."""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.answer(200, b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if body == b"die":
            os._exit(3)
        self.answer(400 if body == b"bad" else 200, b"%d %s" % (os.getpid(), body))

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    model = Path(sys.argv[-1])
    if (model / "broken").exists():
        sys.exit("no readable model")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print("starting")
    print(json.dumps({"port": server.server_port}))
    server.serve_forever()
