"""Starting, stopping and failing to start, from the command line and from Python."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from localcloud.environment import PROJECT
from localcloud.launcher import LocalCloud, LocalCloudError, free_port
from tests.local.localcloud.conftest import function_request
from tests.local.localcloud.roles import create_role, statement
from tests.local.localcloud.sagemaker.support import SageMaker, new_name
from tests.local.processes import descendants, running, within


@pytest.fixture
def stopped(tmp_path: Path) -> Iterator[LocalCloud]:
    """A local cloud of the test's own, not started."""
    cloud = LocalCloud(port=free_port(), folder=tmp_path)
    yield cloud
    cloud.stop()


# --- From Python ------------------------------------------------------------------------------


def test_stop_ends_what_was_started_in_it_and_removes_temporary_files(stopped: LocalCloud) -> None:
    stopped.start()
    assert stopped.healthy()
    assert stopped.client("sts").get_caller_identity()["Account"] == "000000000000"
    temporary = stopped.folder / "tmp"
    port = free_port()
    _call_function(stopped, STARTS_A_LISTENER.format(port=port))
    assert within(10, lambda: _listens(port))
    assert list(temporary.iterdir())

    assert stopped.stop()

    assert not stopped.healthy()
    assert stopped.pid() is None
    assert within(10, lambda: not _listens(port))
    assert not temporary.exists()
    assert not stopped.stop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_it_and_the_next_start_works(
    stopped: LocalCloud, number: signal.Signals
) -> None:
    stopped.start()
    create_role(stopped, "any", statement("*", "*"))
    sagemaker = SageMaker(stopped)
    sagemaker.endpoint(sagemaker.config(sagemaker.model()))
    sagemaker.train(new_name(), channels={"train_lst": "data/long.lst"})
    _call_function(stopped, STARTS_A_LISTENER.format(port=free_port()))
    # Also in the middle of a deployment.
    slow = {"Type": "Custom::Slow", "Properties": {"ServiceToken": FUNCTION}}
    template = json.dumps({"Resources": {"Slow": slow}})
    stopped.client("cloudformation").create_stack(StackName="stack", TemplateBody=template)
    pid = stopped.pid()
    assert pid is not None
    all_of_it: dict[int, str] = {}

    def is_busy() -> bool:
        all_of_it.update(descendants(pid))
        commands = " ".join(all_of_it.values())
        processes = ("algorithm train", "algorithm serve", "_worker.py", "create_server")
        return all(process in commands for process in processes)

    assert within(30, is_busy), all_of_it

    os.kill(pid, number)

    assert within(15, lambda: not running(all_of_it)), running(all_of_it)
    assert within(15, lambda: stopped.pid() is None)
    assert not (stopped.folder / "tmp").exists()
    stopped.stop()
    stopped.start()
    assert stopped.client("lambda").list_functions()["Functions"] == []


def test_the_callers_aws_access_does_not_get_in(
    stopped: LocalCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "secret of the caller")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1/credentials")

    stopped.start()

    variables = _call_function(stopped, "import os\ndef handler(e, c): return dict(os.environ)\n")
    assert variables.keys().isdisjoint({"AWS_PROFILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"})
    assert "secret of the caller" not in variables.values()
    environment = stopped.environment()
    assert "AWS_PROFILE" not in environment
    assert environment["PATH"] == os.environ["PATH"]


def test_a_second_start_says_that_it_runs_already(cloud: LocalCloud) -> None:
    with pytest.raises(LocalCloudError, match=rf"already runs .*process {cloud.pid()}.*down"):
        LocalCloud(cloud.port, cloud.folder.parent).start()
    assert cloud.healthy()


def test_a_taken_port_is_named_with_the_remedy(stopped: LocalCloud) -> None:
    with (
        socket.create_server(("127.0.0.1", stopped.port)),
        pytest.raises(LocalCloudError, match=rf"port {stopped.port} .*another --port"),
    ):
        stopped.start()


def test_a_folder_that_cannot_be_written_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    cloud = LocalCloud(free_port(), tmp_path)
    with pytest.raises(LocalCloudError, match=rf"{cloud.folder} cannot be written .*let this user"):
        cloud.start()


def test_of_two_that_start_at_one_port_at_once_one_is_refused(stopped: LocalCloud) -> None:
    other = LocalCloud(stopped.port, stopped.folder.parent / "another checkout")
    refusals: list[str] = []

    def start(cloud: LocalCloud) -> None:
        try:
            cloud.start()
        except LocalCloudError as error:
            refusals.append(str(error))

    with ThreadPoolExecutor() as threads:
        list(threads.map(start, (stopped, other)))
    running = [cloud.pid() for cloud in (stopped, other) if cloud.pid() is not None]
    other.stop()

    assert len(running) == 1
    (refusal,) = refusals
    assert f"port {stopped.port}" in refusal


def test_a_start_removes_what_stopped_ones_left_and_nothing_of_those_that_run(
    stopped: LocalCloud,
) -> None:
    folder = stopped.folder.parent
    with LocalCloud(free_port(), folder).running() as running:
        killed = LocalCloud(free_port(), folder)
        killed.start()
        pid = killed.pid()
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        assert within(10, lambda: killed.pid() is None)
        assert killed.log.exists()
        half_removed = folder / str(free_port())
        half_removed.mkdir()
        (half_removed / "log").touch()

        stopped.start()

        assert not killed.folder.exists()
        assert not half_removed.exists()
        assert running.log.exists()
        assert running.client("sts").get_caller_identity()


def test_a_failed_start_shows_the_log(stopped: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALCLOUD_WORKERS_PER_FUNCTION", "many")
    with pytest.raises(LocalCloudError, match=r"ended; end of .*\n(.*\n)*.*'many'"):
        stopped.start()
    assert stopped.pid() is None


def test_the_pid_of_a_dead_local_cloud_is_not_trusted(stopped: LocalCloud) -> None:
    stopped.folder.mkdir(parents=True)
    (stopped.folder / "pid").write_text(str(os.getpid()))

    assert stopped.pid() is None
    assert not stopped.stop()
    stopped.start()
    assert stopped.pid() != os.getpid()


# --- From the command line --------------------------------------------------------------------


CommandLine = Callable[[str], subprocess.CompletedProcess[str]]


@pytest.fixture
def command_line() -> Iterator[CommandLine]:
    """Runs `scones local <verb> --port <a free one>`."""
    port = str(free_port())

    def run(verb: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "scones", "local", verb, "--port", port]
        return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)

    yield run
    run("down")
    shutil.rmtree(PROJECT / ".localcloud" / port, ignore_errors=True)


def test_up_status_env_down(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    assert command_line("status").returncode == 1
    assert "start it with" in command_line("env").stderr

    up = command_line("up")
    assert up.returncode == 0, up.stderr
    assert "is lost when it stops" in up.stdout
    assert command_line("status").returncode == 0

    lines = command_line("env").stdout
    assert "unset AWS_PROFILE" in lines.splitlines()
    asking = ["sh", "-c", f"{lines}\n{sys.executable} -c '{PRINTS_ACCOUNT}'"]
    assert subprocess.check_output(asking, text=True) == "000000000000\n"

    assert command_line("down").returncode == 0
    assert command_line("status").returncode == 1
    assert command_line("down").returncode == 0


PRINTS_ACCOUNT = 'import boto3; print(boto3.client("sts").get_caller_identity()["Account"])'

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:function"

STARTS_A_LISTENER = """
import subprocess, sys, time
def handler(event, context):
    if event:
        time.sleep(60)
    program = "import socket, time; s = socket.create_server(('127.0.0.1', {port})); time.sleep(60)"
    subprocess.Popen([sys.executable, "-c", program])
"""


def _call_function(cloud: LocalCloud, source: str) -> Any:
    client = cloud.client("lambda")
    role = create_role(cloud, "function")
    client.create_function(**function_request("function", source, Role=role, Timeout=60))
    return json.load(client.invoke(FunctionName="function")["Payload"])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
