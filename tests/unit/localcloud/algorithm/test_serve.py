import http.client
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from localcloud.algorithm.model import Model
from localcloud.algorithm.serve import MAX_BODY_BYTES, ModelServer
from tests.unit.localcloud.algorithm.small_job import encode, stripes

Client = http.client.HTTPConnection

COMMAND = [sys.executable, "-m", "localcloud.algorithm", "serve"]
PICTURE = encode(stripes(0, seed=1000))


@pytest.fixture(scope="module")
def server(model: Model) -> Iterator[ModelServer]:
    with ModelServer(model) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def client(server: ModelServer) -> Iterator[Client]:
    client = connect(server.server_port)
    yield client
    client.close()


def connect(port: int) -> Client:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=10)


def invoke(client: Client, body: bytes, content_type: str = "image/png") -> tuple[int, str]:
    client.request("POST", "/invocations", body, {"Content-Type": content_type})
    response = client.getresponse()
    return response.status, response.read().decode()


@pytest.mark.parametrize(
    "page", [{"Origin": "https://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}], ids=str
)
def test_web_pages_are_refused(client: Client, page: dict[str, str]) -> None:
    for method, path in (("GET", "/ping"), ("POST", "/invocations")):
        client.request(method, path, headers=page)
        response = client.getresponse()
        assert (response.status, b"web pages" in response.read()) == (403, True)


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("accept", ["application/json", "application/jsonlines"])
def test_the_reply_lists_probabilities_in_class_order(
    client: Client, label: int, accept: str
) -> None:
    headers = {"Content-Type": "image/png", "Accept": accept}
    client.request("POST", "/invocations", encode(stripes(label, seed=1000)), headers)
    response = client.getresponse()
    reply = json.loads(response.read())
    probabilities = reply["prediction"] if accept.endswith("lines") else reply

    assert response.headers["Content-Type"] == accept
    assert len(probabilities) == 2
    assert sum(probabilities) == pytest.approx(1)
    assert probabilities[label] > 0.8


@pytest.mark.parametrize("image_format", ["PNG", "JPEG"])
@pytest.mark.parametrize(
    "content_type", ["image/png", "image/jpeg", "application/x-image", "image/png; q=1"]
)
def test_every_picture_type_may_hold_png_or_jpeg(
    client: Client, content_type: str, image_format: str
) -> None:
    assert invoke(client, encode(stripes(0, seed=1000), image_format), content_type)[0] == 200


@pytest.mark.parametrize(
    ("body", "content_type", "status", "reason"),
    [
        (b"", "image/png", 400, "not a readable PNG or JPEG picture"),
        (b"no picture", "image/png", 400, "not a readable PNG or JPEG picture"),
        (PICTURE[:200], "image/png", 400, "not a readable PNG or JPEG picture"),
        (PICTURE, "text/csv", 415, "text/csv"),
        (PICTURE, "image/gif", 415, "image/gif"),
    ],
)
def test_a_bad_request_is_refused_and_the_connection_goes_on(
    client: Client, body: bytes, content_type: str, status: int, reason: str
) -> None:
    refused, message = invoke(client, body, content_type)
    assert (refused, reason in message) == (status, True)
    assert invoke(client, PICTURE)[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/ping", 200), ("GET", "/", 404), ("POST", "/ping", 404)]
)
def test_only_ping_and_invocations_are_found(
    client: Client, method: str, path: str, status: int
) -> None:
    client.request(method, path, b"", {"Content-Type": "image/png"})
    assert client.getresponse().status == status


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [("Content-Length", str(MAX_BODY_BYTES + 1), 413), ("Transfer-Encoding", "chunked", 411)],
)
def test_body_that_is_not_read_closes_the_connection(
    client: Client, header: str, value: str, status: int
) -> None:
    client.putrequest("POST", "/invocations")
    client.putheader(header, value)
    client.endheaders()
    response = client.getresponse()
    assert response.status == status
    assert response.headers["Connection"] == "close"


def test_forty_clients_at_once_get_their_own_answers(server: ModelServer) -> None:
    start = threading.Barrier(40)

    def ask(number: int) -> bool:
        label = number % 2
        client = connect(server.server_port)
        start.wait(timeout=10)
        answers = [invoke(client, encode(stripes(label, number))) for _ in range(3)]
        client.close()
        assert {status for status, _ in answers} == {200}
        return all(json.loads(body)[label] > 0.5 for _, body in answers)

    with ThreadPoolExecutor(40) as pool:
        assert all(pool.map(ask, range(40)))


def test_command_prints_its_port_and_nothing_else(model: Model, tmp_path: Path) -> None:
    model.save(tmp_path)
    pipe = subprocess.PIPE
    with subprocess.Popen([*COMMAND, tmp_path], stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        client = connect(json.loads(process.stdout.readline())["port"])
        assert invoke(client, PICTURE)[0] == 200
        assert invoke(client, b"")[0] == 400
        process.terminate()
        assert process.communicate(timeout=5) == ("", "")


def test_command_without_a_model_says_so(tmp_path: Path) -> None:
    done = subprocess.run([*COMMAND, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert f"no readable model in {tmp_path}" in done.stderr
