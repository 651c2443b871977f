"""The process that serves one model, and HTTP requests to it."""

import json
import logging
import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Final

import urllib3

from localcloud.sagemaker import processes
from localcloud.sagemaker.contract import Failure

START_SECONDS: Final = 120
"""How long a model server may take to become healthy."""
INVOCATION_SECONDS: Final = 60
"""How long it may take to answer, as on real endpoints."""
LIVED_SECONDS: Final = 1
"""A server that ends sooner than this after its start is restarted only after as long a wait."""
NOTICED_SECONDS: Final = 0.5
"""How long it may take to notice that a server ended."""
BACK_SECONDS: Final = 30
"""How long another attempt waits for a server that is being restarted."""

_logger = logging.getLogger(__name__)


class ModelServerError(Exception):
    """The model server did not answer."""


class ModelServer:
    """A model server, restarted when it ends by itself."""

    def __init__(
        self, *, name: str, module: str, model: Path, environment: Mapping[str, str], log: Path
    ) -> None:
        """Start serving the unpacked `model`; it serves once `wait_until_healthy` returns."""
        self.name = name
        self._module = module
        self._model = model
        self._environment = environment
        self._log = log
        self._pool: urllib3.HTTPConnectionPool | None = None
        self._process: subprocess.Popen[str] | None = None
        self._changed = threading.Condition()
        self._was_ready = False
        self._stopped = False
        self._ended = False
        self._thread = threading.Thread(target=self._supervise, name=f"serve-{name}", daemon=True)
        self._thread.start()

    def wait_until_healthy(self) -> None:
        """Return when the server answers its health check; raise Failure if it does not in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._was_ready or self._ended, START_SECONDS)
            pool = self._pool
        if pool is None or self._status_of_ping(pool) != 200:
            log = processes.tail(self._log)
            raise Failure(
                f"The primary container for production variant {self.name} did not pass the ping "
                f"health check. Please check its log: {log or 'it is empty'}"
            )

    def invoke(
        self, body: bytes, headers: Mapping[str, str], *, seconds: float = INVOCATION_SECONDS
    ) -> urllib3.BaseHTTPResponse:
        """Return the answer to POST /invocations; raise ModelServerError without one."""
        pool = self._pool
        if pool is None:
            raise ModelServerError("The model server ended and is being restarted.")
        try:
            return pool.urlopen(
                "POST", "/invocations", body=body, headers=headers, timeout=_timeout(seconds)
            )
        except urllib3.exceptions.TimeoutError as error:
            raise ModelServerError(f"No answer within {seconds} seconds.") from error
        except urllib3.exceptions.HTTPError as error:
            raise ModelServerError(f"The model server broke the connection: {error}") from error

    def wait_until_back(self) -> None:
        """Return when a server that has just failed serves again, or after a while."""
        sleep(NOTICED_SECONDS)
        with self._changed:
            self._changed.wait_for(lambda: self._pool is not None or self._stopped, BACK_SECONDS)

    def stop(self) -> None:
        """End the process for good."""
        with self._changed:
            self._stopped = True
            process = self._process
            self._changed.notify_all()
        if process is not None:
            processes.stop(process)
        self._thread.join()
        if self._pool is not None:
            self._pool.close()

    def _supervise(self) -> None:
        started = monotonic()
        self._serve()
        while self._was_ready and not self._stopped:
            _logger.warning("model server %s ended: %s", self.name, processes.tail(self._log))
            if monotonic() - started < LIVED_SECONDS:
                with self._changed:
                    self._changed.wait_for(lambda: self._stopped, LIVED_SECONDS)
            started = monotonic()
            self._serve()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _serve(self) -> None:
        """Start the process and follow its output until it ends."""
        with self._log.open("a", encoding="utf-8") as log:
            with self._changed:
                if self._stopped:
                    return
                process = self._process = processes.start(
                    self._module,
                    ["serve", str(self._model)],
                    environment=self._environment,
                    stderr=log,
                )
            with process:
                for line in process.stdout or ():
                    log.write(line)
                    if self._pool is None and (port := _port_in(line)) is not None:
                        self._open(port)
        with self._changed:
            self._pool = None

    def _open(self, port: int) -> None:
        """Accept invocations from now on."""
        pool = urllib3.HTTPConnectionPool(
            "127.0.0.1",
            port,
            maxsize=64,
            retries=False,
            timeout=_timeout(INVOCATION_SECONDS),
        )
        with self._changed:
            self._pool = pool
            self._was_ready = True
            self._changed.notify_all()

    @staticmethod
    def _status_of_ping(pool: urllib3.HTTPConnectionPool) -> int | None:
        try:
            return pool.urlopen("GET", "/ping").status
        except urllib3.exceptions.HTTPError:
            return None


def _timeout(seconds: float) -> urllib3.Timeout:
    return urllib3.Timeout(connect=5, read=seconds)


def _port_in(line: str) -> int | None:
    """Return the port in the line `{"port": N}`, which a model server prints when it is ready."""
    with suppress(ValueError):
        content = json.loads(line)
        if isinstance(content, dict):
            return content.get("port")
    return None
