"""Show how far the work on files is."""

import time

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

LOG_SECONDS = 30.0


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f} files/s" if speed else "")


class _FileProgress(Progress):
    """A bar on terminals; elsewhere, such as in logs, a line from time to time."""

    _printed = 0.0

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        super().advance(task_id, advance)
        now = time.monotonic()
        if not self._printed:
            self._printed = now
        elif not self.console.is_terminal and now - self._printed >= LOG_SECONDS:
            self._printed = now
            self.console.print(self.make_tasks_table(self.tasks))


def file_progress(console: Console | None) -> Progress:
    """Return a display with the number of files, their rate and the time that remains."""
    return _FileProgress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        console=console,
    )
