"""Starts and stops the local cloud: one process group per port, state in `.localcloud/<port>/`.

The emulator and its guard (`guard.py`) hold a lock on the `pid` file until all that was started is
gone. That lock tells whether a local cloud runs, never the pid: a pid outlives its process, as a
zombie or by reuse.
"""

import contextlib
import functools
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import boto3
import botocore.config
import botocore.session
from botocore.exceptions import BotoCoreError, ClientError

from localcloud.credentials import Credentials
from localcloud.environment import (
    DEFAULT_PORT,
    HEALTH_PATH,
    HOST,
    PROJECT,
    REGION,
    client_environment,
    client_variables,
    endpoint_url,
    server_environment,
)
from localcloud.guard import guarded, lock

START_SECONDS = 60.0
STOP_SECONDS = 10.0
GONE_SECONDS = 2.0
"""How long a start waits for a killed predecessor to be cleared away."""
LOG_TAIL_LINES = 20

_MAKING_CLIENTS = threading.Lock()  # sessions of boto3 are not for several threads


class LocalCloudError(RuntimeError):
    """The local cloud cannot be started or stopped; the message says what to do."""


def free_port() -> int:
    """Return a TCP port that is free on the loopback address now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@functools.cache  # a session reads the models of services once, which takes 0.1 s for each
def _session(credentials: Credentials) -> Any:  # boto3's type knows services as literals only
    no_profile = {
        "profile": (None, None, None, None),
        "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
    }
    return boto3.Session(
        botocore_session=botocore.session.Session(session_vars=no_profile),
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        region_name=REGION,
    )


class LocalCloud:
    """The local cloud at one loopback port, whichever process started it.

    >>> with LocalCloud(port=free_port()).running() as cloud:
    ...     cloud.client("s3").create_bucket(Bucket="pictures")
    """

    def __init__(
        self,
        port: int = DEFAULT_PORT,
        folder: Path = PROJECT / ".localcloud",
        *,
        iam: bool = True,
    ) -> None:
        """Name the local cloud at `port`; nothing is started.

        `folder` holds one folder a port. Without `iam` every call is allowed.
        """
        self.port = port
        self.endpoint_url = endpoint_url(port)
        """URL of every AWS service of this local cloud."""
        self.iam = iam
        self.folder = folder / str(port)
        self.log = self.folder / "log"
        self.calls = self.folder / "calls.jsonl"
        """Every call of a role that IAM judged, once: one JSON object a line."""
        self.credentials_file = self.folder / "credentials"
        """The administrator's credentials, in the form of `~/.aws/credentials`."""
        self._pid_file = self.folder / "pid"
        self._temporary = self.folder / "tmp"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def credentials(self) -> Credentials:
        """Return the administrator's credentials, new at each start, or raise LocalCloudError."""
        try:
            return Credentials.read(self.credentials_file)
        except FileNotFoundError as error:
            if self.pid() is None:
                problem = f"no local cloud runs at port {self.port}"
            else:
                problem = f"{self.credentials_file} is gone; stop it with: {self.command('down')}"
            raise LocalCloudError(f"{problem}; start it with: {self.command('up')}") from error

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that point AWS tools at this local cloud."""
        return client_variables(os.environ, self.port, self.credentials)

    def environment(self) -> dict[str, str]:
        """Return an environment for subprocesses, such as `cdk`, without the caller's access."""
        return client_environment(os.environ, self.port, self.credentials)

    def client(self, service: str) -> Any:
        """Return a boto3 client for `service`; it never reads the caller's AWS profile."""
        config = botocore.config.Config(proxies={}, max_pool_connections=50)
        with _MAKING_CLIENTS:
            return _session(self.credentials).client(
                service, endpoint_url=self.endpoint_url, config=config
            )

    def command(self, verb: str) -> str:
        """Return the command that does `verb` (up, status, env, down) to this local cloud."""
        port = "" if self.port == DEFAULT_PORT else f" --port {self.port}"
        return f"scones local {verb}{port}"

    def pid(self) -> int | None:
        """Return the process id of the emulator, None if it does not run."""
        if not self._pid_file.exists():
            return None
        with self._pid_file.open() as file:
            if lock(file, shared=True):
                return None
            content = file.read()
        return int(content) if content else None

    def healthy(self) -> bool:
        """Return whether the emulator answers requests."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=1)
        try:
            connection.request("GET", HEALTH_PATH)
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def start(self) -> None:
        """Start the emulator in the background and wait until it answers.

        It ends with the calling process, however that ends, unless `detach` lets it go.

        Raises:
            LocalCloudError: it runs already, the port is taken, its folder cannot be written, or
                the start failed.
        """
        try:
            with self._claim() as pid_file:
                self._refuse_taken_port()
                self.calls.unlink(missing_ok=True)
                Credentials.new().write(self.credentials_file)
                self._process = self._spawn(pid_file)
                pid_file.write(str(self._process.pid))
        except OSError as error:
            raise LocalCloudError(
                f"{self.folder} cannot be written ({error.strerror}); let this user write to it"
            ) from error
        try:
            self._await_start(self._process)
        except BaseException:
            self.stop()
            raise

    def detach(self) -> None:
        """Let the emulator that `start` started outlive the calling process."""
        assert self._process is not None
        assert self._process.stdin is not None
        with self._process.stdin as pipe:
            pipe.write(b"\n")
        self._process = None

    def ended(self) -> LocalCloudError | None:
        """Return an error if the emulator that `start` started has ended."""
        if self._process is None or self._process.poll() is None:
            return None
        return self._failure("ended")

    def stop(self) -> bool:
        """Stop the emulator with all it started, remove its files, and return whether it ran."""
        pid = self.pid()
        if pid is not None:
            # Before it ends: after that the file may be another start's.
            self.credentials_file.unlink(missing_ok=True)
            # Nothing of it is kept, so nothing is asked to finish. (Only the guard may be left.)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            _wait_until(lambda: self.pid() is None, seconds=STOP_SECONDS)
        if self._process is not None:
            self._process.communicate(timeout=STOP_SECONDS)
            self._process = None
        shutil.rmtree(self._temporary, ignore_errors=True)
        return pid is not None

    @contextlib.contextmanager
    def running(self) -> Iterator["LocalCloud"]:
        """Start, and stop at the end of the `with` block or of the calling process."""
        self.start()
        try:
            yield self
        finally:
            self.stop()

    def _claim(self) -> IO[str]:
        """Lock the pid file, empty it, and remove what stopped local clouds left behind."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with (self.folder.parent / "lock").open("a") as claims:
            lock(claims, wait=True)  # or another start could remove what this one makes
            for folder in self.folder.parent.glob("[0-9]*"):
                if folder != self.folder and not _in_use(folder / self._pid_file.name):
                    shutil.rmtree(folder, ignore_errors=True)
            self.folder.mkdir(exist_ok=True)
            claimed = self._pid_file.open("a+")
            if not _wait_until(lambda: lock(claimed), seconds=GONE_SECONDS):
                claimed.close()
                raise LocalCloudError(
                    f"a local cloud already runs at port {self.port} (process {self.pid()}); "
                    f"use it, stop it with: {self.command('down')}, or choose another --port"
                )
        claimed.truncate(0)  # until the new one is there, none may be taken for it
        return claimed

    def _spawn(self, pid_file: IO[str]) -> subprocess.Popen[bytes]:
        environment = server_environment(
            os.environ,
            self.port,
            self._temporary,
            calls=self.calls if self.iam else None,
            credentials=self.credentials_file,
        )
        command = [sys.executable, "-m", "localcloud.server"]
        with self.log.open("wb") as log:
            return subprocess.Popen(
                guarded(command, folder=self._temporary),
                cwd=PROJECT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                # The lock belongs to the open file, so the child keeps it after we close ours.
                pass_fds=[pid_file.fileno()],
                start_new_session=True,
            )

    def _await_start(self, process: subprocess.Popen[bytes]) -> None:
        sts = self.client("sts")  # while the emulator starts, which takes longer

        def is_this() -> bool:  # and not another one that was faster
            try:
                sts.get_caller_identity()
            except (BotoCoreError, ClientError):
                return False
            return True

        def settled() -> bool:
            return process.poll() is not None or (self.healthy() and is_this())

        if _wait_until(settled, seconds=START_SECONDS) and process.poll() is None:
            return
        raise self.ended() or self._failure(f"did not answer within {START_SECONDS:.0f} s")

    def _failure(self, problem: str) -> LocalCloudError:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        tail = "\n".join(lines[-LOG_TAIL_LINES:])
        return LocalCloudError(
            f"the local cloud at port {self.port} {problem}; end of {self.log}:\n{tail}"
        )

    def _refuse_taken_port(self) -> None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, self.port))
            except OSError as error:
                who = "another AWS emulator" if self.healthy() else "another program"
                raise LocalCloudError(
                    f"port {self.port} of {HOST} cannot be used ({error.strerror}); {who} may hold "
                    f"it (lsof -i :{self.port} shows it): stop that or choose another --port"
                ) from error


def _in_use(pid_file: Path) -> bool:
    """Return whether a process holds the lock; without a file, a removal was interrupted."""
    try:
        with pid_file.open() as file:
            return not lock(file)
    except FileNotFoundError:
        return False


def _wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
