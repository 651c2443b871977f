"""The program of Python Lambda workers, and of the process that forks them.

    python -I -X utf8 python_worker.py fork    (standard input: a socket of requests)
    python -P -X utf8 python_worker.py         one worker

A request is one byte with four open files: the worker's standard input, output and error, and one
that the worker only holds, so that the other end shows when the worker ends. The reply is the
process id. The first line on a worker's standard input names its script, folder and environment.

Forked workers share the memory of one boto3. This file imports nothing of the project, so no
function finds any of it in its worker.
"""

import builtins
import gc
import io
import json
import os
import runpy
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import cache, wraps
from pathlib import Path
from typing import Any

HANDLER_ERROR = "localcloud:handler-error"
END_OF_LOG = "localcloud:end-of-log"

FORK = "fork"
FILES = 4
PID_BYTES = 4

PROJECT = Path(__file__).resolve().parents[3]

SHARED_TMP = "/tmp"  # the path that handlers use
FUNCTIONS_OF_OS = (
    *("open", "stat", "lstat", "access", "chmod", "utime", "truncate", "listdir", "scandir"),
    *("mkdir", "rmdir", "remove", "unlink", "rename", "replace", "link", "symlink"),
)

Handler = Callable[[Any, Any], Any]


def main() -> None:
    """Be the process that forks workers, or a worker."""
    # The project is installed in place, which puts its folder on the path of every Python.
    sys.path[:] = [folder for folder in sys.path if Path(folder).resolve() != PROJECT]
    give_own_tmp = redirect_tmp()
    if FORK in sys.argv[1:]:
        requests = socket.socket(fileno=os.dup(sys.stdin.fileno()))
        share_boto3()
        if not fork_workers(requests):
            return
        requests.close()
        del sys.argv[1:]
    start = json.loads(sys.stdin.readline())
    os.environ.clear()
    os.environ.update(start["environment"])
    os.chdir(start["folder"])
    # The script lies in a folder of this one worker, which is removed with it.
    give_own_tmp(Path(start["script"]).with_name("tmp"))
    gc.enable()
    ours = {"as_on_aws": as_on_aws, "suppress": suppress}
    runpy.run_path(start["script"], ours, run_name="__main__")


def share_boto3() -> None:
    """Read what nearly every client needs, and let the sessions of workers find it."""
    gc.disable()  # until a worker runs: a collection would write to every page that workers share
    import boto3
    import botocore.session

    loader = cache(botocore.session.create_loader)
    botocore.session.create_loader = loader
    boto3.Session("-", "-").client("s3", region_name="us-east-1")
    gc.collect()
    gc.freeze()


def fork_workers(requests: socket.socket) -> bool:
    """Fork a worker for each request; return whether this process is one."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system clears ended workers away
    while True:
        request, files, _, _ = socket.recv_fds(requests, 1, FILES)
        if not request:
            return False
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for number, file in enumerate(files[:3]):
                os.dup2(file, number)
                os.close(file)
            # No process that the handler starts holds it.
            os.set_inheritable(files[3], False)
            os.register_at_fork(after_in_child=os.fdopen(files[3], "wb").close)
            return True
        for file in files:
            os.close(file)
        requests.sendall(pid.to_bytes(PID_BYTES, "big"))


def redirect_tmp() -> Callable[[Path], None]:
    """Return a function that gives this process its own /tmp.

    Handlers use fixed names there (`download_file(bucket, key, "/tmp/image.png")`). Folders that
    /tmp already has stay visible: the project or its Python may lie in one of them. Programs, and
    libraries that open files themselves, are not redirected.
    """
    own: dict[str, Path] = {}
    known: set[str] = set()

    def give_own_tmp(folder: Path) -> None:
        folder.mkdir()
        known.update(entry.name for entry in Path(SHARED_TMP).iterdir() if entry.is_dir())
        own[SHARED_TMP] = folder

    def moved(argument: Any) -> Any:
        path = os.fspath(argument) if isinstance(argument, os.PathLike) else argument
        if not own or not isinstance(path, str) or not f"{path}/".startswith(f"{SHARED_TMP}/"):
            return argument
        inside = path.removeprefix(SHARED_TMP).lstrip("/")
        return argument if inside.partition("/")[0] in known else f"{own[SHARED_TMP]}/{inside}"

    def redirected(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*arguments: Any, **options: Any) -> Any:
            there = {name: moved(value) for name, value in options.items()}
            return function(*map(moved, arguments), **there)

        return call

    # Before boto3 is imported: some of its modules keep functions of `os`.
    for name in FUNCTIONS_OF_OS:
        setattr(os, name, redirected(getattr(os, name)))
    builtins.open = io.open = redirected(builtins.open)
    return give_own_tmp


def as_on_aws(handler: Handler) -> Handler:
    """Let `handler` return plain JSON values, or `{HANDLER_ERROR: report}` instead of raising.

    As AWS's runtime does (https://github.com/aws/aws-lambda-python-runtime-interface-client:
    bootstrap.py for errors; lambda_runtime_marshaller.py: simplejson writes bytes as text).
    """

    def outcome(event: Any, context: Any) -> Any:
        try:
            return result_of(event, context)
        finally:
            # On its own line, whatever the handler wrote last; outcomes.py reads up to it.
            print("", END_OF_LOG, sep="\n", file=sys.stderr)

    def result_of(event: Any, context: Any) -> Any:
        try:
            result = handler(event, context)
        except Exception as error:
            # The first frame is this one; the author of the handler has no use for it.
            frames = traceback.format_tb(error.__traceback__)[1:]
            return _failure(context, type(error).__name__, str(error), frames)
        try:
            return json.loads(json.dumps(result, default=_bytes_as_text))
        except (TypeError, ValueError) as error:
            message = f"Unable to marshal response: {error}"
            return _failure(context, "Runtime.MarshalError", message, [])

    return outcome


def _bytes_as_text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8")
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _failure(context: Any, kind: str, message: str, stack: list[str]) -> dict[str, Any]:
    log = ["Traceback (most recent call last):", *stack] if stack else []
    print(f"[ERROR] {kind}: {message}", *(line.rstrip() for line in log), sep="\n", file=sys.stderr)
    return {
        HANDLER_ERROR: {
            "errorMessage": message,
            "errorType": kind,
            "requestId": context.aws_request_id,
            "stackTrace": stack,
        }
    }


if __name__ == "__main__":
    main()
