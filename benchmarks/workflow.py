"""Compare the workflow with the usual one: speed, cold starts, state and transitions.

The comparator (`benchmarks/comparator/`) is three chained functions that carry `image_data` through
every state, with a Map for each step, on the same local cloud and endpoint. As in the better
projects of its kind, its handlers share their boto3 clients between calls. Its threshold is 0 here,
because its first unsure picture would end the execution.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from benchmarks.cloud import (
    Cloud,
    definition,
    item_states,
    map_output_bytes,
    states_entered,
)
from benchmarks.comparator import workflow as usual
from benchmarks.contenders import Contender, Seconds, portions, time_in_turns
from benchmarks.results_table import Row, Section
from operations.aws import session
from stacks.constructs.common.picture_results import MAX_IMAGES

PICTURES = (1, 40, 200, 1000)
STATE_LIMIT = 262_144
"""Bytes; https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""


def run(cloud: Cloud, *, pictures: Sequence[int], repeats: int) -> Section:
    """Measure both workflows in turns."""
    ours = Contender(
        state_machine=cloud.state_machine,
        functions=cloud.functions(),
        event=lambda count: {"images": cloud.images(count)},
        capacity=MAX_IMAGES,
    )
    with comparator(cloud) as theirs:
        both = (ours, theirs)
        cold = time_in_turns(both, [1], repeats=repeats, cold=True)
        warm = time_in_turns(both, pictures, repeats=repeats, cold=False)
        rows = [
            *(_speed(count, warm, both) for count in pictures),
            Row(measure="cold, 1 picture", unit="s", ours=cold[0][1], comparator=cold[1][1]),
            *_state_rows(ours, theirs, min(40, max(pictures), theirs.capacity)),
        ]
    return Section(
        "Workflow",
        rows,
        [
            "The comparator creates its clients once, and its three Maps wait for each other. The "
            f"largest Map output of {theirs.capacity} pictures fills the 256 KiB of state, so more "
            "pictures take several executions, one after the other. Executions are timed from "
            "start to end by the service's own clock.",
            "State transitions are those inside the Maps, counted in the history of an execution "
            "of one picture. A picture of ours that fails enters one state more.",
        ],
    )


@contextmanager
def comparator(cloud: Cloud) -> Iterator[Contender]:
    """Create the comparator on the same cloud and finally remove it."""
    with (
        usual.functions(session(), threshold=0.0) as functions,
        usual.state_machine(session(), usual.three_maps(functions)) as machine,
    ):

        def contender(capacity: int) -> Contender:
            return Contender(
                state_machine=machine,
                functions=list(functions.values()),
                event=lambda count: [
                    {"image_data": "", "inferences": [], **image} for image in cloud.images(count)
                ],
                capacity=capacity,
            )

        # At its best, the comparator takes as many pictures as the state can carry.
        (execution,) = contender(1).run(1)
        yield contender(STATE_LIMIT // max(map_output_bytes(execution.arn)))


def transitions(contender: Contender) -> int:
    """Count the states that a picture enters inside the Maps; Step Functions bills each."""
    (execution,) = contender.run(1)
    inside = item_states(definition(contender.state_machine))
    return sum(name in inside for name in states_entered(execution.arn))


def _speed(count: int, warm: Sequence[Seconds], both: Sequence[Contender]) -> Row:
    executions = [len(portions(count, at_most=contender.capacity)) for contender in both]
    divided = f" (executions: {executions[0]} and {executions[1]})" if max(executions) > 1 else ""
    return Row(
        measure=f"warm, {count:,} picture{'s' if count > 1 else ''}{divided}",
        unit="pictures/s",
        ours=[count / seconds for seconds in warm[0][count]],
        comparator=[count / seconds for seconds in warm[1][count]],
        better="more",
    )


def _state_rows(ours: Contender, theirs: Contender, count: int) -> list[Row]:
    largest = [
        max(map_output_bytes(contender.run(count)[0].arn)) / count for contender in (ours, theirs)
    ]
    return [
        Row(
            measure="largest Map output",
            unit="bytes/picture",
            ours=[largest[0]],
            comparator=[largest[1]],
        ),
        Row(
            measure="state transitions",
            unit="a picture",
            ours=[transitions(ours)],
            comparator=[transitions(theirs)],
        ),
    ]
