"""Pick captured pictures to be labelled by hand.

The sample is stratified by confidence, because a plain random sample of a good model is nearly all
high confidence and says little about the rest. Each picture weighs as many records as its stratum
has for each picture picked from it, so the weighted share of correct answers is an unbiased
estimate of the accuracy over all records.

The pictures are shuffled and the model's answers left out, so that nothing leads the person who
labels. (Shuffling also makes a partly labelled sample a sample.)
"""

import csv
import random
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from analysis.captures import read
from analysis.pictures import format_of
from analysis.records import usable
from analysis.sampling import CapturedPicture, Reservoir
from analysis.skipped_lines import Kind, SkippedLine, SkippedLines
from lambda_src.shared.spreadsheets import quote_formulas
from operations.deployed import DEFAULT_THRESHOLD
from training.paths import writable_path

LABELS = "labels.csv"
COLUMNS = ("file", "event_id", "inference_id", "label", "weight")

STRATA = (0.6, 0.8, 0.99)
"""Confidences between the strata, besides the threshold: guesses, doubts, pictures just below and
above the threshold, and near certainty."""


@dataclass(frozen=True)
class Picked:
    """A picture to label."""

    picture: CapturedPicture
    weight: float
    """Records of its stratum / pictures picked from it."""


def pick(
    location: str | Path,
    *,
    classes: Sequence[str],
    count: int,
    skipped: SkippedLines,
    threshold: float = DEFAULT_THRESHOLD,
    seed: int = 0,
) -> list[Picked]:
    """Return at most `count` pictures of the captures below `location`, in random order.

    Memory holds `count` pictures per stratum, and all event ids. `location`, `classes` and errors
    are those of `analysis.collect`; `skipped` collects everything that is not used.
    """
    generator = random.Random(seed)
    borders = sorted({*STRATA, threshold})
    strata = [Reservoir(count, generator) for _ in range(len(borders) + 1)]
    captures = read(location, on_skip=skipped.add)
    now, number = datetime.now(UTC), len(classes)
    for capture in usable(captures, skipped=skipped, now=now, number=number):
        if picture := CapturedPicture.of(capture):
            try:
                strata[bisect_right(borders, picture.confidence)].offer(picture)
            except ValueError as error:
                skipped.add(SkippedLine(capture.file, capture.line, str(error), Kind.NO_PICTURE))
    picked = []
    sizes = _shares([len(stratum.pictures) for stratum in strata], count)
    for stratum, size in zip(strata, sizes, strict=True):
        chosen = generator.sample(stratum.pictures, size)
        picked += [Picked(picture, stratum.offered / size) for picture in chosen]
    generator.shuffle(picked)
    return picked


def _shares(available: Sequence[int], count: int) -> list[int]:
    """Divide `count` evenly; what one stratum lacks, the others supply."""
    shares = [0] * len(available)
    left = min(count, sum(available))
    while left:
        for number in range(len(available)):
            if left and shares[number] < available[number]:
                shares[number] += 1
                left -= 1
    return shares


def write(picked: Iterable[Picked], folder: Path) -> Path:
    """Write the pictures, then a new `labels.csv`, never through a link; return its path."""
    refuse_existing(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, each in enumerate(picked, 1):
        picture = each.picture
        name = f"{number:04}.{(format_of(picture.content) or 'image').lower()}"
        writable_path(folder, name).write_bytes(picture.content)
        ids = (quote_formulas(picture.event_id), quote_formulas(picture.inference_id))
        rows.append((name, *ids, None, f"{each.weight:.6g}"))
    with (folder / LABELS).open("x", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    return folder / LABELS


def refuse_existing(folder: Path) -> None:
    """Raise FileExistsError if the folder has a `labels.csv`."""
    if (folder / LABELS).exists():
        raise FileExistsError(
            f"{folder / LABELS} exists and may hold labels: choose another folder with --out, or "
            "remove the file"
        )
