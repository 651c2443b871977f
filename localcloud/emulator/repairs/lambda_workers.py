"""A function has at most so many worker processes; further calls wait for one to be free.

ministack starts a process for every concurrent call: 192 of them, 7 GB, for 40 pictures at a time
through three functions. AWS scales out as well, but not on a laptop. Processes also start few at a
time, because starting one is all processor time, and a started one soon serves many calls.

A call that came from another function never waits, or functions that call each other (or
themselves) could wait for one another for ever; the callers' own limit bounds these.
"""

import os
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any

from localcloud.emulator.names import private, replace

SPAWN = "ministack.core.lambda_runtime:Worker._spawn"
ACQUIRE = "ministack.services.lambda_svc:acquire_worker"
RELEASE = "ministack.services.lambda_svc:release_worker"
DEPTH = "ministack.services.lambda_svc:_invoke_depth"

WORKERS_PER_FUNCTION = int(os.environ.get("LOCALCLOUD_WORKERS_PER_FUNCTION", "8"))
STARTING_AT_ONCE = os.cpu_count() or 1

# A function that is deleted or updated drops its workers without a notice, so waiting calls look.
LOOK_AGAIN_SECONDS = 0.5

Worker = Any
Config = dict[str, Any]


class Changes:
    """Wakes calls that wait for a worker, no more of them than can go on."""

    def __init__(self) -> None:
        """All methods are called under `lock`."""
        self.lock = threading.Lock()
        self._functions: dict[str, threading.Condition] = {}

    def wait(self, config: Config) -> None:
        """Wait until something may have changed for a call of this function."""
        self._of(config).wait(LOOK_AGAIN_SECONDS)

    def tell_one(self, config: Config) -> None:
        """A worker of this function is free."""
        self._of(config).notify()

    def tell_all(self) -> None:
        """Another worker, of any function, may start."""
        for condition in self._functions.values():
            condition.notify_all()

    def _of(self, config: Config) -> threading.Condition:
        return self._functions.setdefault(config["FunctionArn"], threading.Condition(self.lock))


def repair() -> None:
    """Let calls wait for a worker instead of starting one each."""
    acquire: Callable[..., tuple[Worker | None, str]] = private(ACQUIRE)
    release: Callable[[Worker | None], None] = private(RELEASE)
    spawn: Callable[[Worker], None] = private(SPAWN)
    depth = private(DEPTH)
    changed = Changes()
    starting: set[Worker] = set()

    def settled(worker: Worker | None) -> None:
        with changed.lock:
            if worker in starting:
                starting.discard(worker)
                changed.tell_all()
            elif worker is not None:
                changed.tell_one(worker.config)

    @wraps(acquire)
    def acquire_in_turn(
        name: str, config: Config, *arguments: Any, **options: Any
    ) -> tuple[Worker | None, str]:
        # Called over the API a function is at depth 1; a state machine's task is at depth 0.
        if depth.get() > 1:
            return acquire(name, config, *arguments, **options)
        with changed.lock:
            while True:
                # A function's first worker always starts: none other could serve the call.
                limit = WORKERS_PER_FUNCTION if len(starting) < STARTING_AT_ONCE else 1
                worker, how = acquire(name, config, *arguments, **options, max_concurrency=limit)
                if worker is not None:
                    break
                changed.wait(config)
            if how == "spawn":
                starting.add(worker)
            return worker, how

    @wraps(spawn)
    def spawn_in_turn(worker: Worker) -> None:
        try:
            spawn(worker)
        finally:
            settled(worker)

    @wraps(release)
    def release_and_tell(worker: Worker | None) -> None:
        release(worker)
        settled(worker)

    replace(ACQUIRE, acquire_in_turn)
    replace(RELEASE, release_and_tell)
    replace(SPAWN, spawn_in_turn)
