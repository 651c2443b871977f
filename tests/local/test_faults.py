"""However the demo or its local cloud ends, nothing keeps running and the next start works."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from localcloud.demo.command import EXIT_FAILED, EXIT_RUNNING
from localcloud.environment import PROJECT
from localcloud.launcher import LocalCloud, free_port
from tests.local.processes import descendants, running, within

GONE_SECONDS = 15
REACHED_SECONDS = 180

# The process then belongs to the terminal, which hangs up on it when the other end is closed.
IN_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)


@dataclass
class Running:
    """A demo in a terminal of its own."""

    out: Path
    cloud: LocalCloud
    process: subprocess.Popen[bytes]
    terminal: int
    said: bytes = b""
    started: dict[int, str] = field(default_factory=dict)
    """All its processes at the last look."""

    def reach(self, log: str, process: str) -> None:
        """Return once the CDK CLI writes to `log`, and `process` is among those that run."""

        def reached() -> bool:
            self.listen()
            assert self.process.poll() is None, self.said.decode()
            self.started = descendants(self.process.pid)
            commands = self.started.values()
            return (self.out / f"{log}.log").exists() and any(process in each for each in commands)

        assert within(REACHED_SECONDS, reached), self.started

    def listen(self) -> None:
        with suppress(OSError):  # nothing more for now, or the other end is closed
            while text := os.read(self.terminal, 65536):
                self.said += text

    def exit_code(self) -> int:
        """Return that of the demo, once it is certain that all of it is gone."""

        def ended() -> bool:
            self.listen()
            return self.process.poll() is not None

        assert within(GONE_SECONDS, ended)
        assert within(GONE_SECONDS, lambda: not running(self.started)), running(self.started)
        assert within(GONE_SECONDS, lambda: self.cloud.pid() is None)
        assert not (self.cloud.folder / "tmp").exists()
        assert list(self.out.glob("*.tmp")) == []
        with self.cloud.running():  # the port is free
            assert self.cloud.healthy()
        return self.process.returncode


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    port = free_port()
    options = ["--drawn", "--out", str(tmp_path), "--port", str(port)]
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    with subprocess.Popen(
        [sys.executable, "-c", IN_TERMINAL, "-m", "scones", "demo", *options],
        cwd=PROJECT,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        yield Running(tmp_path, LocalCloud(port), process, ours)
        process.kill()
        with suppress(OSError):  # a test has closed it
            os.close(ours)


def test_a_second_one_is_refused_and_a_closed_terminal_ends_the_first(demo: Running) -> None:
    demo.reach("synth", "app.py")
    second = subprocess.run(
        [sys.executable, "-m", "scones", "demo", "--drawn", "--out", str(demo.out)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )

    assert second.returncode == EXIT_RUNNING, second.stderr
    assert f"(process {demo.process.pid}, since " in second.stderr
    assert "--out FOLDER" in second.stderr
    assert demo.process.poll() is None
    demo.started = descendants(demo.process.pid)

    os.close(demo.terminal)

    assert demo.exit_code() == 128 + signal.SIGHUP


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 128 + signal.SIGTERM), (signal.SIGKILL, -signal.SIGKILL)],
    ids=["terminated", "killed"],
)
def test_a_signal_ends_all_of_it(demo: Running, number: signal.Signals, code: int) -> None:
    demo.reach("synth", "app.py")

    demo.process.send_signal(number)

    assert demo.exit_code() == code


def test_it_ends_with_its_cloud_and_says_so(demo: Running) -> None:
    demo.reach("bootstrap", "cdk bootstrap")
    pid = demo.cloud.pid()
    assert pid is not None

    os.kill(pid, signal.SIGKILL)

    assert demo.exit_code() == EXIT_FAILED
    assert f"the local cloud at port {demo.cloud.port} ended" in demo.said.decode()
