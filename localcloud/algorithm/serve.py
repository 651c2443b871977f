"""The model server: `GET /ping` and `POST /invocations`, as SageMaker requires of a container.

Sources: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html and
"Inference with the Image Format Algorithm",
https://docs.aws.amazon.com/sagemaker/latest/dg/image-classification.html
"""

import contextlib
import json
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from localcloud import pages
from localcloud.algorithm.features import PictureError, decode, describe
from localcloud.algorithm.model import Model

CONTENT_TYPES = ("image/png", "image/jpeg", "application/x-image")
JSON = "application/json"
JSON_LINES = "application/jsonlines"
MAX_BODY_BYTES = 6 * 1024 * 1024  # the longest Body in InvokeEndpoint's service model


class ModelServer(ThreadingHTTPServer):
    """Serves one model at a free port of 127.0.0.1, `server_port`."""

    daemon_threads = True
    request_queue_size = 128  # the default of 5 refuses clients that connect all at once

    def __init__(self, model: Model) -> None:
        """Bind the port; `serve_forever` answers."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self._model = model
        # The work holds the interpreter's lock anyhow, and forty decoded pictures of a large
        # camera would need gigabytes.
        self._one_at_a_time = threading.Lock()

    def predict(self, picture: bytes) -> list[float]:
        """Return the probabilities of an encoded picture, in class order."""
        with self._one_at_a_time:
            features = describe(decode(picture))
            probabilities: list[float] = self._model.probabilities(features[None])[0].tolist()
        return probabilities


class _Handler(BaseHTTPRequestHandler):
    server: ModelServer
    protocol_version = "HTTP/1.1"  # keeps connections open
    wbufsize = -1  # headers and body in one packet; in two, delayed acknowledgement costs 40 ms

    def parse_request(self) -> bool:
        """Read a request, and refuse web pages, which may send to any port of the machine."""
        return super().parse_request() and not pages.refuses(self)

    def do_GET(self) -> None:
        if self.path == "/ping":
            self._reply(HTTPStatus.OK, "")
        else:
            self._reply(HTTPStatus.NOT_FOUND, f"{self.path}: use GET /ping or POST /invocations")

    def do_POST(self) -> None:
        body = self._read_body()
        if body is None:
            return
        content_type = self.headers.get_content_type()
        if self.path != "/invocations":
            self._reply(HTTPStatus.NOT_FOUND, f"{self.path}: use GET /ping or POST /invocations")
        elif content_type not in CONTENT_TYPES:
            self._reply(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                f"content type {content_type!r} is not one of {', '.join(CONTENT_TYPES)}",
            )
        else:
            self._invoke(body)

    def _invoke(self, body: bytes) -> None:
        try:
            probabilities = self.server.predict(body)
        except PictureError as error:
            self._reply(HTTPStatus.BAD_REQUEST, str(error))
            return
        if self.headers.get("Accept") == JSON_LINES:
            text, content_type = json.dumps({"prediction": probabilities}) + "\n", JSON_LINES
        else:
            text, content_type = json.dumps(probabilities), JSON
        self._reply(HTTPStatus.OK, text, content_type)

    def _read_body(self) -> bytes | None:
        """Return the request's body, or reply and return None when it cannot be read."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            self._refuse(HTTPStatus.LENGTH_REQUIRED, "send the picture with a Content-Length")
        elif int(length) > MAX_BODY_BYTES:
            self._refuse(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"{length} bytes are too many; at most {MAX_BODY_BYTES:,} are allowed",
            )
        else:
            return self.rfile.read(int(length))
        return None

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        self.close_connection = True  # the unread body would be taken for the next request
        self._reply(status, message)

    def _reply(self, status: HTTPStatus, text: str, content_type: str = "text/plain") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing."""


def main(model_dir: Path) -> int:
    """Serve until stopped; print `{"port": N}` on stdout when ready.

    Returns the exit code: 0, or 1 without a readable model.
    """
    try:
        model = Model.load(model_dir)
    except (OSError, ValueError) as error:
        print(f"no readable model in {model_dir}: {error}", file=sys.stderr)
        return 1
    with ModelServer(model) as server:
        print(json.dumps({"port": server.server_port}), flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
    return 0
