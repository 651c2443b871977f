"""The workflow beside the usual one: speed, state, packages and cold starts.

The comparator (`benchmarks/comparator/`) is three chained functions that carry `image_data` through
every state, with a Map for each step, on the same local cloud and the same endpoint. It makes its
boto3 clients once, outside of the handlers, as the better ones of its kind do; `predictor.py` is
about those that do not. Its filter's threshold is 0 here, for otherwise its first unsure picture
would end the execution.
"""

import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from account import session
from benchmarks import floor, packages, predictor
from benchmarks.cloud import (
    Cloud,
    definition,
    execute,
    item_states,
    map_output_bytes,
    states_entered,
)
from benchmarks.comparator import workflow as comparator
from benchmarks.rows import Findings, Row
from benchmarks.ways import Timed, Way, in_words, portions, time_both
from stacks.constructs.workflow.picture_results import MAX_IMAGES

PICTURES = (1, 40, 200, 1000)
COLD_PICTURES = (1, 40)
STATE_LIMIT = 262_144
"""Bytes; https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""

AIM_SPEED = 3.0
AIM_STATE = 10.0


def transitions_a_picture(way: Way) -> int:
    """Return how many states a picture enters inside the Maps: Step Functions bills each."""
    (execution,) = way.run(1)
    inside = item_states(definition(way.state_machine))
    return sum(name in inside for name in states_entered(execution.arn))


def run(
    cloud: Cloud,
    *,
    pictures: Sequence[int],
    repeats: int,
    cold_pictures: Sequence[int] = COLD_PICTURES,
    sdk: Path | None = None,
) -> Findings:
    """Measure; both take turns, so that what else the machine does hits both.

    `sdk` is a folder with the SageMaker SDK v2, for the rows of its Predictor.
    """
    ours = Way(
        state_machine=cloud.state_machine,
        functions=list(cloud.functions().values()),
        event=lambda count: {"images": cloud.images(count)},
        holds=MAX_IMAGES,
    )
    group = cloud.local.pid() or 0
    with comparator_way(cloud) as theirs:
        cold = time_both(ours, theirs, cold_pictures, repeats=repeats, group=group, cold=True)
        warm = time_both(ours, theirs, pictures, repeats=repeats, group=group, cold=False)
        rows = [
            *_speed_rows(warm, theirs),
            *_processor_rows(warm),
            *_cold_rows(cold),
            *_state_rows(ours, theirs),
            *packages.rows(cloud.functions(), _by_step(theirs), repeats=repeats),
        ]
        remarks = _remarks(ours, theirs, pictures)
    remarks += [_where_the_time_goes(warm, floor.emulator_ms(cloud, group=group)), COLD]
    if sdk is not None:
        with comparator_way(cloud, sdk=sdk) as theirs:
            rows += predictor.rows(
                ours, theirs, sdk=sdk, pictures=pictures, repeats=repeats, group=group
            )
    return Findings("Workflow", rows, [*remarks, predictor.remark(sdk)])


@contextmanager
def comparator_way(cloud: Cloud, *, sdk: Path | None = None) -> Iterator[Way]:
    """The comparator on the same cloud, for the length of the block; `sdk` as in `run`."""
    with (
        comparator.functions(session(), threshold=0.0, sdk=sdk) as functions,
        comparator.state_machine(session(), comparator.three_maps(functions)) as machine,
    ):
        yield _what_it_holds(
            Way(
                state_machine=machine,
                functions=functions.names,
                event=lambda count: [
                    {"image_data": "", "inferences": [], **image} for image in cloud.images(count)
                ],
                holds=1,
            )
        )


def _by_step(theirs: Way) -> dict[str, str]:
    return dict(zip(comparator.STEPS, theirs.functions, strict=True))


def _what_it_holds(way: Way) -> Way:
    """The comparator, with as many pictures an execution as its state can carry.

    That is found from the size of one picture, so that it is given its best.
    """
    (execution,) = way.run(1)
    holds = STATE_LIMIT // max(map_output_bytes(execution.arn))
    return Way(way.state_machine, way.functions, way.event, holds)


def _speed_rows(warm: Timed, theirs: Way) -> list[Row]:
    return [
        Row(
            what=f"warm, {in_words(count)}{_executions(count, theirs)}",
            unit="pictures/s",
            ours=[count / value for value in warm.ours.wall[count]],
            theirs=[count / value for value in warm.theirs.wall[count]],
            better="more",
            aim=AIM_SPEED if count > 1 else None,
        )
        for count in warm.ours.wall
    ]


def _processor_rows(warm: Timed) -> list[Row]:
    """What the processors did for the largest run: where the limit is."""
    count = max(warm.ours.wall)

    def a_picture(seconds: Mapping[int, Sequence[float]]) -> list[float]:
        return [1000 * value / count for value in seconds[count]]

    return [
        Row(
            what=f"warm, {in_words(count)}: {what}",
            unit="ms/picture",
            ours=a_picture(ours),
            theirs=a_picture(theirs),
        )
        for what, ours, theirs in (
            ("all", warm.ours.wall, warm.theirs.wall),
            ("emulator's processor time", warm.ours.emulator, warm.theirs.emulator),
            ("workers' and model server's", warm.ours.others, warm.theirs.others),
        )
    ]


def _executions(count: int, theirs: Way) -> str:
    ours, comparators = (
        len(portions(count, at_most=holds)) for holds in (MAX_IMAGES, theirs.holds)
    )
    return "" if comparators == 1 else f" (executions: {ours} and {comparators})"


def _cold_rows(cold: Timed) -> list[Row]:
    return [
        Row(
            what=f"cold, {in_words(count)}",
            unit="s",
            ours=cold.ours.wall[count],
            theirs=cold.theirs.wall[count],
        )
        for count in cold.ours.wall
    ]


def _state_rows(ours: Way, theirs: Way) -> list[Row]:
    count = min(40, theirs.holds)
    sizes = [map_output_bytes(way.run(count)[0].arn) for way in (ours, theirs)]
    steps = [transitions_a_picture(way) for way in (ours, theirs)]
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
        "gets as many executions as it takes, one after the other. An execution takes from its "
        "start to its end by the service's own clock.",
        "State transitions are counted in the history of an execution of one picture. Each Map "
        "itself, and what stands before and after it, is the same for any number of pictures and "
        "is not counted. A picture of ours that fails enters one state more.",
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


def _where_the_time_goes(warm: Timed, floor: Mapping[str, float]) -> str:
    count = max(warm.ours.wall)
    ours, theirs = (
        1000 * statistics.median(times.emulator[count]) / count
        for times in (warm.ours, warm.theirs)
    )
    calls = ", ".join(f"{name} {value:.1f}" for name, value in floor.items())
    most = 1000 / sum(floor.values())
    speed = count / statistics.median(warm.theirs.wall[count])
    return (
        "Where the time goes, warm: the emulator is one Python process, and takes "
        f"{ours:.1f} ms of processor time for each picture of ours and {theirs:.1f} ms for one of "
        "the comparator's. Measured alone, the calls that a picture cannot do without take "
        f"{sum(floor.values()):.1f} ms of that process ({calls}): a workflow whose states took no "
        f"time at all would classify at most {most:.0f} pictures/s here, {most / speed:.1f} times "
        f"as many as the comparator's {speed:.0f}. What ours gains is that no Map waits for "
        "another, that an execution holds more, and that a picture is read with one request "
        "(`download_file` asks for its size first). More than that takes fewer calls, which is "
        "what the bulk path does (see Growth)."
    )


COLD = (
    "Cold: a function that uses boto3 starts by importing it and making its client, which is all "
    "but a few milliseconds of its import, and is the same for the comparator; the filters import "
    "neither. botocore alone would save the handlers what its row says, and cost them the "
    "interface that everybody knows. The emulator starts as many workers at a time as there are "
    "cores; the model server starts with the endpoint, long before its first picture."
)


def _in_short(cause: str | None) -> str:
    return json.dumps((cause or "")[:200])[1:-1].rstrip(".")
