import queue

import pytest

from localcloud.emulator.functions import outcomes
from localcloud.emulator.functions.python_worker import END_OF_LOG


def queue_of(*lines: str) -> "queue.Queue[str]":
    result: queue.Queue[str] = queue.Queue()
    for line in lines:
        result.put(line)
    return result


def test_each_call_has_its_own_log() -> None:
    lines = queue_of("first", "", "of two", "", END_OF_LOG, "second", "", END_OF_LOG)

    assert outcomes.read_log(lines) == "first\n\nof two"
    assert outcomes.read_log(lines) == "second"


def test_a_call_without_a_log_has_none() -> None:
    assert outcomes.read_log(queue_of("", END_OF_LOG)) == ""


def test_a_log_whose_process_died_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outcomes, "LONGEST_LOG_WAIT_SECONDS", 0.01)

    assert outcomes.read_log(queue_of("last words")) == "last words"
