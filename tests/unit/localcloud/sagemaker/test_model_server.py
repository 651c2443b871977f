import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.sagemaker import model_server
from localcloud.sagemaker.contract import Failure
from localcloud.sagemaker.model_server import ModelServer, ModelServerError

STUB = "tests.unit.localcloud.sagemaker.stub_server"


def start(folder: Path) -> ModelServer:
    return ModelServer(
        name="AllTraffic", module=STUB, model=folder, environment={}, log=folder / "log"
    )


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ModelServer]:
    made = start(tmp_path)
    made.wait_until_healthy()
    yield made
    made.stop()


def pid_of(server: ModelServer) -> int:
    return int(server.invoke(b"hello", {}).data.split()[0])


def test_answers_come_with_their_status(server: ModelServer) -> None:
    assert server.invoke(b"hello", {}).data.endswith(b"hello")
    assert server.invoke(b"bad", {}).status == 400


def test_a_server_that_dies_is_reported_and_restarted(server: ModelServer) -> None:
    before = pid_of(server)
    with pytest.raises(ModelServerError):
        server.invoke(b"die", {})

    server.wait_until_back()

    assert pid_of(server) != before


def test_stop_ends_the_process(server: ModelServer) -> None:
    pid = pid_of(server)
    server.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(ModelServerError):
        server.invoke(b"hello", {})


def test_a_model_that_cannot_be_served_fails_at_once_with_the_log(tmp_path: Path) -> None:
    (tmp_path / "broken").touch()
    started = time.monotonic()
    server = start(tmp_path)
    with pytest.raises(Failure, match="AllTraffic did not pass the ping.*no readable model"):
        server.wait_until_healthy()
    assert time.monotonic() - started < model_server.START_SECONDS / 2
    server.stop()
