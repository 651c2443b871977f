"""Time two state machines in turns while they classify the same pictures."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.progress import track

from benchmarks.cloud import Execution, forget_workers, run_execution

Seconds = Mapping[int, Sequence[float]]
"""Seconds of each repeat, by number of pictures."""


@dataclass(frozen=True)
class Contender:
    """A state machine of the comparison."""

    state_machine: str
    functions: Sequence[str]
    event: Callable[[int], Any]
    """Returns the input of an execution over this many pictures."""
    capacity: int
    """The largest number of pictures per execution."""

    def run(self, pictures: int) -> list[Execution]:
        """Classify in as few executions as possible, one after the other."""
        counts = portions(pictures, at_most=self.capacity)
        return [run_execution(self.state_machine, self.event(count)) for count in counts]


def portions(pictures: int, *, at_most: int) -> list[int]:
    """Divide the pictures into as few executions as possible, of nearly equal size."""
    executions = math.ceil(pictures / at_most)
    share, rest = divmod(pictures, executions)
    return [share + (number < rest) for number in range(executions)]


def time_in_turns(
    contenders: Sequence[Contender], pictures: Sequence[int], *, repeats: int, cold: bool
) -> list[Seconds]:
    """Time the contenders; warm executions follow a first run of each, which is discarded."""
    if not cold:
        for contender in contenders:
            contender.run(min(contender.capacity, max(pictures)))
    timed: list[dict[int, list[float]]] = [defaultdict(list) for _ in contenders]
    turns = [count for count in pictures for _ in range(repeats)]
    for count in track(turns, "Cold executions" if cold else "Warm executions"):
        for contender, seconds in zip(contenders, timed, strict=True):
            if cold:
                forget_workers(contender.functions)
            seconds[count].append(sum(each.seconds for each in contender.run(count)))
    return list(timed)
