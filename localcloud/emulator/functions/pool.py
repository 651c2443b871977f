"""Limits the workers of a function, lets further calls wait for one, and ends idle workers.

ministack starts a process for every concurrent call: 192 of them for 40 pictures at a time through
three functions. AWS scales out as well, but not on a laptop. It keeps for ever a function's first
worker, even when the stack of the function is deleted, and one that was still starting when its
function was updated or deleted; it kills the others, with the calls that they serve.

A call that came from another function never waits, or functions that call each other (or
themselves) could wait for one another for ever; the callers' own limit bounds these.
"""

import os
import threading
import time
from collections import defaultdict
from functools import cache, partial
from typing import Any

from localcloud.emulator.extension import Properties, current_account, current_region
from localcloud.emulator.names import Function, around, around_item, private, replace

RUNTIME = "ministack.core.lambda_runtime"
SERVICE = "ministack.services.lambda_svc"
HANDLERS = "ministack.services.cloudformation.provisioners:_RESOURCE_HANDLERS"

WORKERS_PER_FUNCTION = int(os.environ.get("LOCALCLOUD_WORKERS_PER_FUNCTION", "8"))
IDLE_SECONDS = 5

# A function that is deleted or updated drops its workers without a notice, so waiting calls look.
LOOK_AGAIN_SECONDS = 0.5

Worker = Any


def repair() -> None:
    """Let calls wait for a worker instead of starting one each, and end workers that idle."""
    _limit()
    _end_with_stack()
    # ministack calls it at every call, for a thread that looks twice a minute.
    replace(f"{SERVICE}:_ensure_reaper_thread", cache(_end_idle_workers))


def _limit() -> None:
    depth = private(f"{SERVICE}:_invoke_depth")
    pools: dict[str, list[Worker]] = private(f"{RUNTIME}:_workers")
    pools_lock: threading.Lock = private(f"{RUNTIME}:_lock")
    kill: Function = private(f"{RUNTIME}:kill_workers")
    lock = threading.Lock()
    released: defaultdict[str, threading.Condition] = defaultdict(
        partial(threading.Condition, lock)
    )

    @around(f"{SERVICE}:acquire_worker")
    def acquire_in_turn(
        acquire: Function, name: str, config: dict[str, Any], *arguments: Any, **options: Any
    ) -> Any:
        # Called over the API a function is at depth 1; a state machine's task is at depth 0.
        if depth.get() > 1:
            return acquire(name, config, *arguments, **options)
        options["max_concurrency"] = WORKERS_PER_FUNCTION
        with lock:
            while True:
                worker, how = acquire(name, config, *arguments, **options)
                if worker is not None:
                    return worker, how
                released[config["FunctionArn"]].wait(LOOK_AGAIN_SECONDS)

    @around(f"{SERVICE}:release_worker")
    def release_and_notify(release: Function, worker: Worker | None) -> None:
        if worker is not None:
            worker.last_used = time.time()
        release(worker)
        if worker is not None:
            with lock:
                released[worker.config["FunctionArn"]].notify()
            with pools_lock:
                dropped = not any(worker in pool for pool in pools.values())
            if dropped:
                kill([worker])

    @around(f"{SERVICE}:invalidate_worker")
    def invalidate_idle(invalidate: Function, name: str, *arguments: Any, **options: Any) -> None:
        # On AWS, calls that run when their function is updated end with the code they began with.
        with pools_lock:
            for pool in pools.values():
                pool[:] = [each for each in pool if not (each.in_use and each.func_name == name)]
        invalidate(name, *arguments, **options)


def _end_with_stack() -> None:
    function = private(HANDLERS)["AWS::Lambda::Function"]
    invalidate: Function = private(f"{SERVICE}:invalidate_worker")

    @around_item(function, "delete")
    def delete_with_workers(delete: Function, name: str, properties: Properties) -> None:
        delete(name, properties)
        invalidate(name, account=current_account(), region=current_region())


def _end_idle_workers() -> None:
    workers: dict[str, list[Worker]] = private(f"{RUNTIME}:_workers")
    lock: threading.Lock = private(f"{RUNTIME}:_lock")
    kill: Function = private(f"{RUNTIME}:kill_workers")

    def end_idle() -> None:
        while True:
            time.sleep(1)
            latest = time.time() - IDLE_SECONDS
            idle: list[Worker] = []
            with lock:
                for pool in workers.values():
                    idle += [each for each in pool if not each.in_use and each.last_used < latest]
                    pool[:] = [each for each in pool if each not in idle]
            kill(idle)

    threading.Thread(target=end_idle, daemon=True, name="idle Lambda workers").start()
