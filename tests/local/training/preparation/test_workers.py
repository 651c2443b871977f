"""A process that dies takes only its own item with it."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.odd_work import work
from training.errors import StagingError
from training.preparation.workers import WorkerDiedError, Workers


def result(workers: Workers[bytes], content: str) -> str:
    try:
        return workers.apply(content.encode()).decode()
    except WorkerDiedError as error:
        return f"died: {error}"


def test_items_whose_process_dies_are_tried_again_and_the_others_go_on(tmp_path: Path) -> None:
    expected = {
        "die SIGKILL": "died: its process was killed, which happens if memory runs out",
        "die SIGSEGV": "died: crashes the process that reads it (SIGSEGV)",
        "fail": "died: crashes the process that reads it (exit code 1)",
        f"once {tmp_path}/1": f"ONCE {tmp_path}/1".upper(),
        **{f"item {number}": f"ITEM {number}" for number in range(30)},
    }

    with Workers(work, count=2) as workers, ThreadPoolExecutor(6) as pool:
        found = pool.map(lambda content: result(workers, content), expected)
        assert dict(zip(expected, found, strict=True)) == expected


def test_an_item_that_hangs_is_given_up() -> None:
    with Workers(work, count=1, seconds=0.2) as workers:
        assert result(workers, "hang") == "died: takes more than 0.2 seconds"


def test_no_process_outlives_the_block(tmp_path: Path) -> None:
    with Workers(work, count=2) as workers:
        idle = int(result(workers, "pid"))
        hanging = threading.Thread(target=result, args=(workers, f"once {tmp_path}/1"))
        hanging.start()
    hanging.join(20)

    assert not hanging.is_alive()
    with pytest.raises(ProcessLookupError):
        os.kill(idle, 0)


def test_processes_that_cannot_start_are_no_fault_of_the_item(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))  # Python does not find its modules
    with Workers(work, count=1) as workers, pytest.raises(StagingError, match="does not start: "):
        workers.apply(b"item")
    monkeypatch.setattr("sys.executable", str(tmp_path / "none"))
    with Workers(work, count=1) as workers, pytest.raises(StagingError, match="No such file"):
        workers.apply(b"item")
