"""Ours and the comparator's workflow, as executions that are timed."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.progress import track

from benchmarks.cloud import Execution, execute, forget_workers
from benchmarks.machine import processor_seconds

Event = Callable[[int], Any]


class ExecutionFailedError(RuntimeError):
    """An execution that was to be measured failed; the message holds its error and cause."""


@dataclass(frozen=True)
class Way:
    """One of the two workflows."""

    state_machine: str
    functions: Sequence[str]
    event: Event
    """Input of an execution over so many pictures."""
    holds: int
    """Pictures that one execution can take."""

    def run(self, pictures: int) -> list[Execution]:
        """Classify, in as few executions as it takes, one after the other.

        Raises:
            ExecutionFailedError: one of them failed.
        """
        executions = []
        for count in portions(pictures, at_most=self.holds):
            execution = execute(self.state_machine, self.event(count))
            if execution.status != "SUCCEEDED":
                raise ExecutionFailedError(
                    f"{execution.arn} over {count} pictures is {execution.status}: "
                    f"{execution.error}: {execution.cause}"
                )
            executions.append(execution)
        return executions

    def seconds(self, pictures: int) -> float:
        """Seconds that `run` takes."""
        return sum(execution.seconds for execution in self.run(pictures))


@dataclass
class Times:
    """Seconds that one way took, by number of pictures."""

    wall: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    emulator: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Processor time of the emulator's own process, which does everything but the functions' and
    the model's work."""
    others: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Processor time of the functions' workers and the model server."""

    def add(self, way: Way, count: int, group: int) -> None:
        """Run, and note what it took; `group` are the processes of the local cloud."""
        before = processor_seconds(group)
        self.wall[count].append(way.seconds(count))
        after = processor_seconds(group)
        self.emulator[count].append(after[0] - before[0])
        self.others[count].append(after[1] - before[1])


@dataclass
class Timed:
    """Both ways' times."""

    ours: Times = field(default_factory=Times)
    theirs: Times = field(default_factory=Times)


def in_words(pictures: int) -> str:
    """How many they are, as rows call it."""
    return "1 picture" if pictures == 1 else f"{pictures:,} pictures"


def portions(pictures: int, *, at_most: int) -> list[int]:
    """Sizes of as few executions as hold the pictures, about equal."""
    executions = math.ceil(pictures / at_most)
    share, rest = divmod(pictures, executions)
    return [share + (number < rest) for number in range(executions)]


def time_both(
    ours: Way, theirs: Way, pictures: Sequence[int], *, repeats: int, group: int, cold: bool
) -> Timed:
    """Both in turns; without `cold` after a first run of each that is not kept."""
    timed = Timed()
    title = "Cold executions" if cold else "Warm executions"
    turns = [(count, repeat) for count in pictures for repeat in range(repeats)]
    if not cold:
        for way in (ours, theirs):
            way.run(min(way.holds, max(pictures)))
    for count, _ in track(turns, title):
        for way, times in ((ours, timed.ours), (theirs, timed.theirs)):
            if cold:
                forget_workers(way.functions)
            times.add(way, count, group)
    return timed
