"""Make many pictures uniform: on all processors, in flat memory, and each of them once.

Threads read pictures, processes decode them (workers.py), and a cache keeps the results (cache.py).
After a kill at any moment the next staging goes on where it was.
"""

import os
import queue
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, nullcontext
from functools import partial
from itertools import islice
from pathlib import Path
from threading import BoundedSemaphore
from typing import TypeVar

from rich.console import Console

from settings.s3_uris import is_s3
from training.errors import PictureRefusedError, StagingError
from training.paths import cache_folder
from training.pictures import PreparedPicture, Refusal, Source, SourcePicture
from training.preparation.cache import Encoded, PreparationCache, encode
from training.preparation.uniform import check_size
from training.preparation.workers import WorkerDiedError, Workers
from training.progress import file_progress

Item = TypeVar("Item")
Done = TypeVar("Done")


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


PROCESSORS = _processors()
READERS = 16 + PROCESSORS
"""Threads, and so connections to S3: some read while the pictures of others are decoded."""
_LARGE_BYTES = 8 * 1024 * 1024
_LARGE_AT_ONCE = 3


def prepare(
    source: Source, *, side: int, cache: Path | None = None, console: Console | None = None
) -> list[PreparedPicture | Refusal]:
    """Return what became of everything that the source lists, in its order.

    `cache` is by default `cache_folder()/"staging"`; the PNG files stay there.

    Raises:
        StagingError: the source cannot be listed, the cache cannot be written, or no process runs.
        ClientError, BotoCoreError: AWS refuses, or cannot be reached.
    """
    folder = (cache or cache_folder() / "staging").resolve()
    listed = list(source.pictures())
    with (
        PreparationCache(folder, location=_place(source.location), side=side) as known,
        Workers(partial(encode, side=side, folder=folder), count=PROCESSORS) as workers,
        file_progress(console) as progress,
    ):
        results = [each if isinstance(each, Refusal) else known.find(each) for each in listed]
        missing = [
            (position, each)
            for position, each in enumerate(listed)
            if isinstance(each, SourcePicture) and results[position] is None
        ]
        known.require_space(len(missing))
        large = BoundedSemaphore(_LARGE_AT_ONCE)

        def prepare_one(item: tuple[int, SourcePicture]) -> tuple[int, PreparedPicture | Refusal]:
            position, picture = item
            with large if picture.size > _LARGE_BYTES else nullcontext():
                return position, _prepared(picture, source, workers, known)

        done = len(listed) - len(missing)
        task = progress.add_task("Preparing", total=len(listed), completed=done)
        with closing(_as_they_end(prepare_one, missing, READERS)) as ended:
            for position, result in ended:
                results[position] = result
                progress.advance(task)
    return [result for result in results if result is not None]


def _place(location: str) -> str:
    """Return one way of many to write a location."""
    return location.rstrip("/") if is_s3(location) else str(Path(location).expanduser().absolute())


def _prepared(
    picture: SourcePicture,
    source: Source,
    workers: Workers[Encoded | StagingError],
    known: PreparationCache,
) -> PreparedPicture | Refusal:
    try:
        check_size(picture.size)
        result = workers.apply(source.read(picture))
    except (PictureRefusedError, WorkerDiedError) as error:
        return Refusal(picture.path, str(error))
    except OSError as error:
        return Refusal(picture.path, f"cannot be read: {error.strerror or error}")
    if isinstance(result, Encoded | PictureRefusedError):
        return known.add(picture, result)
    raise result


def _as_they_end(
    function: Callable[[Item], Done], items: Iterable[Item], threads: int
) -> Generator[Done, None, None]:
    """Apply the function in threads, and take no more items than these work on."""
    ended: queue.SimpleQueue[Future[Done]] = queue.SimpleQueue()
    todo, running = iter(items), 0
    pool = ThreadPoolExecutor(threads)
    try:
        while True:
            for item in islice(todo, threads - running):
                pool.submit(function, item).add_done_callback(ended.put)
                running += 1
            if not running:
                return
            yield ended.get().result()
            running -= 1
    finally:
        # After an error, start none and wait for none: each may retry for a while.
        pool.shutdown(wait=False, cancel_futures=True)
