"""The workflow beside the usual one: speed, state, packages and cold starts.

The comparator (`benchmarks/comparator/`) is three chained functions that carry `image_data` through
every state, with a Map for each step, on the same local cloud and the same endpoint. It makes its
boto3 clients once, outside of the handlers, as the better ones of its kind do. Its filter's
threshold is 0 here, for otherwise its first unsure picture would end the execution.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import boto3
from rich.progress import track

from benchmarks import packages
from benchmarks.cloud import (
    Cloud,
    Execution,
    definition,
    execute,
    forget_workers,
    map_output_bytes,
)
from benchmarks.comparator import workflow as comparator
from benchmarks.rows import Findings, Row
from stacks.constructs.workflow_expressions import MAX_IMAGES

PICTURES = (1, 40, 200, 1000)
COLD_PICTURES = (1, 40)
STATE_LIMIT = 262_144
"""Bytes; https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""

AIM_SPEED = 3.0
AIM_STATE = 10.0

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
class Timed:
    """Seconds of both, by number of pictures."""

    ours: dict[int, list[float]] = field(default_factory=dict)
    theirs: dict[int, list[float]] = field(default_factory=dict)


def portions(pictures: int, *, at_most: int) -> list[int]:
    """Sizes of as few executions as hold the pictures, about equal."""
    executions = math.ceil(pictures / at_most)
    share, rest = divmod(pictures, executions)
    return [share + (number < rest) for number in range(executions)]


def transitions(states: Mapping[str, Any], start: str) -> int:
    """States that a picture goes through, from `start`, the longest way without an error."""
    state = states[start]
    following = [choice["Next"] for choice in state.get("Choices", ())]
    following += [state[key] for key in ("Next", "Default") if key in state]
    return 1 + max((transitions(states, name) for name in following), default=0)


def transitions_a_picture(machine: Mapping[str, Any]) -> int:
    """The same, over all Maps of a definition."""
    return sum(
        transitions(outer["ItemProcessor"]["States"], outer["ItemProcessor"]["StartAt"])
        for outer in machine["States"].values()
        if outer["Type"] == "Map"
    )


def run(
    cloud: Cloud,
    *,
    pictures: Sequence[int],
    repeats: int,
    cold_pictures: Sequence[int] = COLD_PICTURES,
) -> Findings:
    """Measure; both take turns, so that what else the machine does hits both."""
    session = boto3.Session()
    with (
        comparator.functions(session, threshold=0.0) as functions,
        comparator.state_machine(session, comparator.three_maps(functions)) as machine,
    ):
        ours = Way(
            state_machine=cloud.state_machine,
            functions=cloud.functions(),
            event=lambda count: {"images": cloud.images(count)},
            holds=MAX_IMAGES,
        )
        theirs = _what_it_holds(
            Way(
                state_machine=machine,
                functions=functions.names,
                event=lambda count: [
                    {"image_data": "", "inferences": [], **image} for image in cloud.images(count)
                ],
                holds=1,
            )
        )
        cold = _time(ours, theirs, cold_pictures, repeats=repeats, cold=True)
        warm = _time(ours, theirs, pictures, repeats=repeats, cold=False)
        rows = [
            *_speed_rows(warm, theirs),
            *_cold_rows(cold),
            *_state_rows(ours, theirs),
            *packages.rows(ours.functions, theirs.functions, repeats=repeats),
        ]
        return Findings("Workflow", rows, _remarks(ours, theirs, pictures))


def _what_it_holds(way: Way) -> Way:
    """The comparator, with as many pictures an execution as its state can carry.

    That is found from the size of one picture, so that it is given its best.
    """
    (execution,) = way.run(1)
    holds = STATE_LIMIT // max(map_output_bytes(execution.arn))
    return Way(way.state_machine, way.functions, way.event, holds)


def _time(ours: Way, theirs: Way, pictures: Sequence[int], *, repeats: int, cold: bool) -> Timed:
    timed = Timed()
    title = "Cold executions" if cold else "Warm executions"
    turns = [(count, repeat) for count in pictures for repeat in range(repeats)]
    if not cold:
        for way in (ours, theirs):
            way.run(min(way.holds, max(pictures)))
    for count, _ in track(turns, title):
        for way, seconds in ((ours, timed.ours), (theirs, timed.theirs)):
            if cold:
                forget_workers(way.functions)
            seconds.setdefault(count, []).append(way.seconds(count))
    return timed


def _speed_rows(warm: Timed, theirs: Way) -> list[Row]:
    return [
        Row(
            what=f"warm, {_pictures(count)}{_executions(count, theirs)}",
            unit="pictures/s",
            ours=[count / value for value in warm.ours[count]],
            theirs=[count / value for value in warm.theirs[count]],
            better="more",
            aim=AIM_SPEED if count > 1 else None,
        )
        for count in warm.ours
    ]


def _pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count:,} pictures"


def _executions(count: int, theirs: Way) -> str:
    ours, comparators = (
        len(portions(count, at_most=holds)) for holds in (MAX_IMAGES, theirs.holds)
    )
    return "" if comparators == 1 else f" (executions: {ours} and {comparators})"


def _cold_rows(cold: Timed) -> list[Row]:
    return [
        Row(
            what=f"cold, {_pictures(count)}",
            unit="s",
            ours=cold.ours[count],
            theirs=cold.theirs[count],
        )
        for count in cold.ours
    ]


def _state_rows(ours: Way, theirs: Way) -> list[Row]:
    count = min(40, theirs.holds)
    sizes = [map_output_bytes(way.run(count)[0].arn) for way in (ours, theirs)]
    steps = [transitions_a_picture(definition(way.state_machine)) for way in (ours, theirs)]
    return [
        Row(
            what="largest Map output",
            unit="bytes/picture",
            ours=[max(sizes[0]) / count],
            theirs=[max(sizes[1]) / count],
            aim=AIM_STATE,
        ),
        Row(
            what="all Map outputs",
            unit="bytes/picture",
            ours=[sum(sizes[0]) / count],
            theirs=[sum(sizes[1]) / count],
        ),
        Row(what="state transitions", unit="a picture", ours=[steps[0]], theirs=[steps[1]]),
    ]


def _remarks(ours: Way, theirs: Way, pictures: Sequence[int]) -> list[str]:
    remarks = [
        "The comparator makes its clients once and its three Maps wait for each other; the largest "
        f"Map output of {theirs.holds} pictures is all that 256 KiB of state hold. Above that it "
        "gets as many executions as it takes, one after the other. Each execution includes the "
        "0.15 s that the emulator waits before it starts one.",
        "State transitions are counted in the deployed definitions, on the longest way without an "
        "error, because the emulator keeps no history of a Map's items. Each Map itself, and what "
        "stands before and after it, is the same for any number of pictures and is not counted.",
    ]
    for way, name in ((theirs, "the comparator"), (ours, "ours")):
        too_many = [count for count in pictures if count > way.holds]
        if too_many:
            execution = execute(way.state_machine, way.event(min(too_many)))
            remarks.append(
                f"{min(too_many):,} pictures in one execution: {name} ends as {execution.status}, "
                f"{execution.error}: {_in_short(execution.cause)}."
            )
    return remarks


def _in_short(cause: str | None) -> str:
    return json.dumps((cause or "")[:200])[1:-1].rstrip(".")
