"""Apply a function in separate processes: one that dies takes only its item with it.

`python -m training.preparation.workers` is such a process. Unlike those of `multiprocessing`, it
does not run the user's script again, and it can start while other threads run.
"""

import os
import queue
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Generic, Self, TypeVar

from training.errors import StagingError

Result = TypeVar("Result")

SECONDS = 120.0
"""Of the clock, for one item; longer than `uniform.MAX_SECONDS` on a busy machine."""
MEMORY_BYTES = 4 * 1024**3
"""Of address space for one process, on systems that limit it."""

_ENDING_SECONDS = 10.0
_PROJECT = Path(__file__).parents[2]


class WorkerDiedError(Exception):
    """A process ended before it had a result; the message says why."""


class Workers(Generic[Result]):
    """Processes that apply one function, used by threads."""

    def __init__(
        self, function: Callable[[bytes], Result], *, count: int, seconds: float = SECONDS
    ) -> None:
        """Start nothing yet; the processes import `function`, which must not raise."""
        self._workers = [_Worker(function, seconds) for _ in range(count)]
        # The one that was used last comes first, so that few items start few processes.
        self._idle: queue.LifoQueue[_Worker[Result]] = queue.LifoQueue()
        for worker in self._workers:
            self._idle.put(worker)
        self._alone = threading.Lock()

    def __enter__(self) -> Self:
        """Return this object."""
        return self

    def __exit__(self, *_: object) -> None:
        """End all processes, whatever they do."""
        for worker in self._workers:
            worker.close()

    def apply(self, content: bytes) -> Result:
        """Return what the function returns.

        Raises:
            WorkerDiedError: the process died twice, the second time while the others were idle.
            StagingError: no process can be started.
        """
        try:
            with self._borrowed() as worker:
                return worker.apply(content)
        except WorkerDiedError:
            # It may not be this item's fault: all together may have used up the memory.
            with self._alone, ExitStack() as stack:
                worker, *_ = [stack.enter_context(self._borrowed()) for _ in self._workers]
                return worker.apply(content)

    @contextmanager
    def _borrowed(self) -> Iterator["_Worker[Result]"]:
        worker = self._idle.get()
        try:
            yield worker
        finally:
            self._idle.put(worker)


class _Worker(Generic[Result]):
    """A process; it starts when it is needed, and again after it died."""

    def __init__(self, function: Callable[[bytes], Result], seconds: float) -> None:
        self._setup = (function, seconds)
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection
        self._closed = False
        self._starting = threading.Lock()

    def apply(self, content: bytes) -> Result:
        process = self._process or self._start()
        try:
            self._connection.send_bytes(content)
            result: Result = self._connection.recv()
        except (EOFError, OSError) as error:
            self._stop(process)
            raise WorkerDiedError(self._reason(process)) from error
        return result

    def close(self) -> None:
        with self._starting:
            self._closed = True
            process = self._process  # which the thread that uses it may forget meanwhile
        if process:
            process.kill()
            process.wait()

    def _start(self) -> "subprocess.Popen[bytes]":
        with self._starting:
            if self._closed:
                raise WorkerDiedError("staging has ended")
            try:
                self._connection, theirs = Pipe()
                with theirs:
                    process = subprocess.Popen(
                        [sys.executable, "-m", __name__, str(theirs.fileno())],
                        cwd=_PROJECT,
                        # Threads of numpy would cost memory, and gain nothing.
                        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
                        pass_fds=[theirs.fileno()],
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.PIPE,
                    )
            except OSError as error:
                raise StagingError(
                    f"no process can be started: {error.strerror}; close other programs"
                ) from error
            self._process = process
        try:
            self._connection.send(self._setup)
            self._connection.recv()
        except (EOFError, OSError) as error:
            self._stop(process)
            *_, said = [self._reason(process), *_lines(process)]
            if process.returncode < 0:
                raise WorkerDiedError(said) from error
            raise StagingError(f"a process that reads pictures does not start: {said}") from error
        assert process.stderr
        process.stderr.close()
        return process

    def _stop(self, process: "subprocess.Popen[bytes]") -> None:
        self._connection.close()
        self._process = None
        try:
            process.wait(_ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _reason(self, process: "subprocess.Popen[bytes]") -> str:
        code = process.returncode
        if code == -signal.SIGKILL:
            return "its process was killed, which happens if memory runs out"
        if code == -signal.SIGALRM:
            return f"takes more than {self._setup[1]:g} seconds"
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return f"crashes the process that reads it ({how})"


def _lines(process: "subprocess.Popen[bytes]") -> list[str]:
    assert process.stderr
    with process.stderr as said:
        return said.read().decode(errors="replace").split("\n")[:-1]


def _serve(connection: Connection) -> None:
    """Apply the function to one item after another until the other end of the connection closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to end
    _limit_memory()
    function, seconds = connection.recv()
    connection.send("ready")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())  # libraries' warnings
    with suppress(EOFError, BrokenPipeError):
        while True:
            content = connection.recv_bytes()
            # Python has no say while C code runs, but this signal ends the process.
            signal.setitimer(signal.ITIMER_REAL, seconds)
            result = function(content)
            signal.setitimer(signal.ITIMER_REAL, 0)
            connection.send(result)


def _limit_memory() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    limit = MEMORY_BYTES if most == resource.RLIM_INFINITY else min(MEMORY_BYTES, most)
    with suppress(ValueError, OSError):  # macOS
        resource.setrlimit(resource.RLIMIT_AS, (limit, most))
    # If memory runs out nevertheless, Linux ends this process rather than another.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


if __name__ == "__main__":
    _serve(Connection(int(sys.argv[1])))
