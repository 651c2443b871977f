"""Reduce a stream of captures to a data frame and a bounded number of pictures.

Records that are not as they should be (see `analysis.skipped_lines.Kind`) are counted with file
and line. Left out are repeated events, times in the future, measurements of the baseline, and
records with a different number of probabilities. Kept are records without output (their confidence
is missing), without input, or with an input that is not a picture (they are in no sample).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pandas as pd

from analysis.captures import Capture, read
from analysis.columns import Columns, frame_of
from analysis.sampling import CapturedPicture
from analysis.skipped_lines import Kind, SkippedLine, SkippedLines

BASELINE_PREFIX = "baseline-"
"""Start of the inference ids of the calls by which a deployment measures its drift baseline."""

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far a record may be ahead of the reader's clock; AWS's signatures allow the same."""

MAX_CELLS = 30_000_000
"""Bounds memory: 4 million records of two classes, 285,000 of a hundred."""
CELLS_OF_A_RECORD = 5
"""Ids, time, source and place; each probability is one more."""

SAMPLE_SIZE = 24


@dataclass(frozen=True)
class Records:
    """Captures as a data frame, with some of their pictures."""

    frame: pd.DataFrame
    """One row per record, ordered by time: event_id (str), inference_id (str or missing), time
    (UTC, microseconds), endpoint and variant (categories, missing if the folder does not say),
    best_class (Int16), confidence and p0, p1, ... (float64, missing without output), and on
    request fingerprint (UInt64, see `analysis.pictures.fingerprint`)."""
    classes: tuple[str, ...]
    """Names, in the order of the probabilities."""
    skipped: SkippedLines
    least_confident: Sequence[CapturedPicture]
    """Least confident first."""
    random: Sequence[CapturedPicture]
    """A random sample, ordered by time."""


def load(location: str | Path, *, classes: Sequence[str] = ()) -> pd.DataFrame:
    """Return `Records.frame` of the captures below `location`, for notebooks."""
    return collect(location, classes=classes).frame


def collect(
    location: str | Path,
    *,
    classes: Sequence[str] = (),
    now: datetime | None = None,
    sample_size: int = SAMPLE_SIZE,
    seed: int = 0,
    fingerprints: bool = False,
) -> Records:
    """Read the captures below `location` once, in bounded memory.

    Args:
        location: see `analysis.read`.
        classes: names, in the order of the probabilities; default: "class 0", "class 1", ..., as
            many as most records have.
        now: the present, with a time zone; default: the clock's.
        sample_size: the most pictures in each of the two samples.
        seed: of the random sample.
        fingerprints: decode each picture for the frame's column `fingerprint`, by which labels
            find it.

    Raises:
        FileNotFoundError: there is no such local file or folder.
    """
    skipped = SkippedLines()
    groups: dict[int, Columns] = {}
    new = partial(Columns, {}, sample_size=sample_size, seed=seed, fingerprints=fingerprints)
    captures = read(location, on_skip=skipped.add)
    for capture in usable(captures, skipped=skipped, now=now or datetime.now(UTC)):
        size = len(capture.probabilities or ())
        if size not in groups:
            groups[size] = new()
        groups[size].add(capture, skipped)
    silent = groups.pop(0, new())
    number = len(classes) or max(groups, key=lambda size: len(groups[size]), default=0)
    chosen = groups.pop(number, new())
    for size, others in groups.items():
        kind = Kind.CLASS_COUNT
        first = [SkippedLine(*place, _wrong_count(size, number), kind) for place in others.first]
        skipped.add_all(SkippedLines(Counter({kind: len(others)}), {kind: first}))
    return Records(
        frame=frame_of(chosen, silent, number=number),
        classes=tuple(classes) or tuple(f"class {position}" for position in range(number)),
        skipped=skipped,
        least_confident=chosen.least_confident.pictures,
        random=chosen.random.pictures,
    )


def usable(
    captures: Iterable[Capture], *, skipped: SkippedLines, now: datetime, number: int = 0
) -> Iterator[Capture]:
    """Yield real traffic, until `MAX_CELLS` are used up.

    Adds to `skipped`: repeated events, times in the future, measurements of the baseline, another
    `number` of probabilities if one is given, and captures that are yielded although they lack an
    output or a picture.
    """
    seen: set[str] = set()
    room = MAX_CELLS
    for capture in captures:
        room -= CELLS_OF_A_RECORD + len(capture.probabilities or ())
        if room < 0:
            reason = (
                "more records than a report can hold: this one and all that follow are left out; "
                "read the folder of a month or a day instead"
            )
            skipped.add(SkippedLine(capture.file, capture.line, reason, Kind.UNREADABLE))
            return
        refusal = _refusal(capture, seen, now, number)
        seen.add(capture.event_id)
        for kind, reason in [refusal] if refusal else _gaps(capture):
            skipped.add(SkippedLine(capture.file, capture.line, reason, kind))
        if not refusal:
            yield capture


def _refusal(
    capture: Capture, seen: set[str], now: datetime, number: int
) -> tuple[Kind, str] | None:
    if capture.event_id in seen:
        return Kind.DUPLICATE, f"event {capture.event_id} was read before"
    if capture.time > now + CLOCK_TOLERANCE:
        return Kind.FUTURE, f"time {capture.time:%Y-%m-%dT%H:%M:%SZ} is in the future"
    if (capture.inference_id or "").startswith(BASELINE_PREFIX):
        return Kind.BASELINE, f"inference id {capture.inference_id} is the baseline's"
    size = len(capture.probabilities or ())
    if number and size not in (0, number):
        return Kind.CLASS_COUNT, _wrong_count(size, number)
    return None


def _wrong_count(size: int, number: int) -> str:
    return f"{size} probabilities, expected {number}"


def _gaps(capture: Capture) -> Iterator[tuple[Kind, str]]:
    if capture.probabilities is None:
        yield Kind.NO_OUTPUT, "no output was captured"
    if capture.input is None:
        yield Kind.NO_INPUT, "no input was captured"
    elif capture.picture is None:
        yield Kind.NO_PICTURE, f"input of type {capture.input_type} is not a picture"
