import queue

import pytest

from localcloud.emulator.repairs import lambda_log
from localcloud.emulator.repairs.python_handler import END_OF_LOG


def queue_of(*lines: str) -> "queue.Queue[str]":
    result: queue.Queue[str] = queue.Queue()
    for line in lines:
        result.put(line)
    return result


def test_each_call_has_its_own_log() -> None:
    lines = queue_of("first", "", "of two", "", END_OF_LOG, "second", "", END_OF_LOG)

    assert lambda_log.read(lines) == "first\n\nof two"
    assert lambda_log.read(lines) == "second"


def test_a_call_without_a_log_has_none() -> None:
    assert lambda_log.read(queue_of("", END_OF_LOG)) == ""


def test_a_log_whose_process_died_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lambda_log, "LONGEST_WAIT_SECONDS", 0.01)

    assert lambda_log.read(queue_of("last words")) == "last words"
