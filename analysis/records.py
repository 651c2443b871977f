"""Reduces a stream of captures to columns, and to a bounded number of pictures.

What becomes of a record that is not as it should be (`analysis.skips.Kind` names each):

- an event id that was read before, a time in the future, a measurement of the baseline, another
  number of probabilities than the others: left out;
- no output (its confidence is missing), no input, or an input that is no picture (it is in no
  sample): kept.

Either way it is counted, with file and line.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from analysis.captures import Capture, read
from analysis.columns import Columns, frame_of
from analysis.pictures import is_picture
from analysis.samples import Sample
from analysis.skips import Kind, Skip, Skips, Tally

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BASELINE_PREFIX = "baseline-"
"""Begins the inference id of what the deployment itself sends to measure its baseline."""

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far a record may lie ahead of the reader's clock; AWS's own signatures allow as much."""

MAX_CELLS = 30_000_000
"""Of all records: 4 million of two classes, 285,000 of a hundred. What follows is left out: report
on the folder of a month or of a day instead."""
CELLS_OF_A_RECORD = 5
"""Ids, time, source and place, beside a cell for each probability."""

SAMPLE_SIZE = 24


@dataclass(frozen=True)
class Records:
    """Captures as columns."""

    frame: pd.DataFrame
    """One row for each record, in order of time: event_id (str), inference_id (str or missing),
    time (UTC, microseconds), endpoint and variant (categories, missing where the folder does not
    tell), best_class (Int16), confidence and p0, p1, ... (float64; missing without output),
    and, if asked for, picture (UInt64, see `analysis.pictures.fingerprint`)."""
    classes: tuple[str, ...]
    """Names, in the order of the probabilities."""
    skips: Skips
    least_confident: tuple[Sample, ...]
    """Least confident first."""
    random: tuple[Sample, ...]
    """Each record with a picture had the same chance; in order of time."""


def load(location: str | Path, *, classes: Sequence[str] = ()) -> pd.DataFrame:
    """`Records.frame` of the captures below `location`; for notebooks."""
    return collect(location, classes=classes).frame


def collect(
    location: str | Path,
    *,
    classes: Sequence[str] = (),
    now: datetime | None = None,
    sample_size: int = SAMPLE_SIZE,
    seed: int = 0,
    fingerprints: bool = False,
    s3_client: "S3Client | None" = None,
) -> Records:
    """Read the captures below `location` once, in bounded memory.

    Args:
        location: as for `analysis.read`.
        classes: names, in the order of the probabilities. Without them the number of classes is
            what most records have, and they are called "class 0", "class 1", ...
        now: what counts as the present; the clock's time if not given. With a time zone.
        sample_size: how many pictures each of the two samples holds at most.
        seed: of the random sample.
        fingerprints: also give the frame's column `picture`, to find the truth by picture; each
            picture is decoded for it.
        s3_client: as for `analysis.read`.

    Raises:
        FileNotFoundError: there is no such local file or folder.
    """
    tally = Tally()
    groups: dict[int, Columns] = {}
    new = partial(Columns, sample_size=sample_size, seed=seed, fingerprints=fingerprints)
    captures = read(location, on_skip=tally.add, s3_client=s3_client)
    for capture in usable(captures, tally=tally, now=now or datetime.now(UTC)):
        size = len(capture.probabilities or ())
        if size not in groups:
            groups[size] = new()
        groups[size].add(capture, tally)
    silent = groups.pop(0, new())
    number = len(classes) or max(groups, key=lambda size: len(groups[size]), default=0)
    chosen = groups.pop(number, new())
    for size, others in groups.items():
        tally.add_all(_other_number(size, others, expected=number))
    return Records(
        frame=frame_of(chosen, silent, number=number),
        classes=tuple(classes) or tuple(f"class {position}" for position in range(number)),
        skips=tally.skips(),
        least_confident=chosen.least_confident.samples(),
        random=chosen.random.samples(),
    )


def _other_number(size: int, columns: Columns, *, expected: int) -> Skips:
    reason = f"{size} probabilities, expected {expected}"
    first = tuple(Skip(file, line, reason, Kind.CLASS_COUNT) for file, line in columns.first)
    return Skips({Kind.CLASS_COUNT: len(columns)}, {Kind.CLASS_COUNT: first})


def usable(captures: Iterable[Capture], *, tally: Tally, now: datetime) -> Iterator[Capture]:
    """Traffic alone: without repeated events, times in the future, measurements of the baseline.

    It ends where `MAX_CELLS` are full.

    Tells `tally` of each of those, and of captures that lack an output or a picture.
    """
    seen: set[str] = set()
    room = MAX_CELLS
    for capture in captures:
        room -= CELLS_OF_A_RECORD + len(capture.probabilities or ())
        if room < 0:
            reason = (
                "more records than a report holds: this and all after it are left out; "
                "read the folder of a month or of a day instead"
            )
            tally.add(Skip(capture.file, capture.line, reason, Kind.UNREADABLE))
            return
        refusal = _refusal(capture, seen, now)
        seen.add(capture.event_id)
        for kind, reason in [refusal] if refusal else _gaps(capture):
            tally.add(Skip(capture.file, capture.line, reason, kind))
        if not refusal:
            yield capture


def _refusal(capture: Capture, seen: set[str], now: datetime) -> tuple[Kind, str] | None:
    if capture.event_id in seen:
        return Kind.DUPLICATE, f"event {capture.event_id} was read before"
    if capture.time > now + CLOCK_TOLERANCE:
        return Kind.FUTURE, f"time {capture.time:%Y-%m-%dT%H:%M:%SZ} is in the future"
    if (capture.inference_id or "").startswith(BASELINE_PREFIX):
        return Kind.BASELINE, f"inference id {capture.inference_id} is one of the baseline"
    return None


def _gaps(capture: Capture) -> Iterator[tuple[Kind, str]]:
    if capture.probabilities is None:
        yield Kind.NO_OUTPUT, "no output was captured"
    if capture.input is None:
        yield Kind.NO_INPUT, "no input was captured"
    elif not is_picture(capture.input.content):
        yield Kind.NO_PICTURE, f"input of type {capture.input.content_type} is no picture"
