import io

import pytest
from rich.console import Console

from training import progress
from training.progress import file_progress


@pytest.mark.parametrize(("seconds", "lines"), [(0, 4), (60, 1)])
def test_a_log_has_a_line_from_time_to_time(
    seconds: float, lines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "LOG_SECONDS", seconds)
    console = Console(file=io.StringIO(), width=80)
    with file_progress(console) as shown:
        task = shown.add_task("Preparing", total=4)
        for _ in range(4):
            shown.advance(task)

    assert isinstance(console.file, io.StringIO)
    said = console.file.getvalue().splitlines()
    assert [line.split()[2] for line in said] == ["2/4", "3/4", "4/4", "4/4"][-lines:]
    assert all(line.startswith("Preparing") for line in said)
