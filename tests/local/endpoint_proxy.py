"""A proxy between the bulk function and the endpoint, which refuses some of the calls."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from tests.local.deployment import Deployment

Refuse = Callable[[bytes], tuple[int, str, str] | None]
"""Returns status, type and body of the error for a picture; None lets it pass."""

VARIABLE = "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"


class Proxy(ThreadingHTTPServer):
    """Answers InvokeEndpoint, and counts the calls that it serves at once."""

    def __init__(self, runtime: Any, refuse: Refuse) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.runtime = runtime  # a client of the real one: signatures are for one host only
        self.refuse = refuse
        self.lock = threading.Lock()
        self.at_once = self.most_at_once = 0


class _Handler(BaseHTTPRequestHandler):
    server: Proxy

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.at_once += 1
            self.server.most_at_once = max(self.server.most_at_once, self.server.at_once)
            refused = self.server.refuse(body)
        answer = refused[2].encode() if refused else self._answer(body)
        with self.server.lock:
            self.server.at_once -= 1
        self.send_response(refused[0] if refused else 200)
        if refused:
            self.send_header("x-amzn-ErrorType", refused[1])
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _answer(self, body: bytes) -> bytes:
        reply: bytes = self.server.runtime.invoke_endpoint(
            EndpointName=unquote(self.path.split("/")[2]),
            Body=body,
            ContentType=self.headers["Content-Type"],
        )["Body"].read()
        return reply

    def log_message(self, *_: Any) -> None: ...


@contextmanager
def endpoint_proxy(deployment: Deployment, refuse: Refuse) -> Iterator[Proxy]:
    """Let the function of bulk runs call the endpoint through a proxy during the block."""
    client = deployment.cloud.client("lambda")
    (function,) = (
        each
        for each in client.list_functions(MaxItems=50)["Functions"]
        if "ClassifyBatch" in each["FunctionName"]
    )
    variables = function["Environment"]["Variables"]

    def configure(**more: str) -> None:
        client.update_function_configuration(
            FunctionName=function["FunctionName"], Environment={"Variables": variables | more}
        )

    with Proxy(deployment.cloud.client("sagemaker-runtime"), refuse) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        try:
            configure(**{VARIABLE: f"http://127.0.0.1:{proxy.server_port}"})
            yield proxy
        finally:
            configure()
            proxy.shutdown()
