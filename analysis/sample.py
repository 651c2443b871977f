"""`scones sample --environment NAME --out FOLDER`: pictures to label by hand.

Confidence cannot tell a model that is confidently wrong: somebody has to look. The sample is
stratified by confidence, with the same number of pictures from each stratum, since a plain
random sample of a good model is nearly all high confidence and says little of the rest. To make
up for it, each picture weighs as many records as its stratum has for each picture sampled: the
weighted share of right answers estimates the accuracy over all records without bias.

Neither the model's answer nor its confidence is written, and the pictures are shuffled, so that
nothing leads who labels. (Shuffled, too, so that a sample that is labelled in part is still one.)
"""

import csv
import random
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.captures import Capture, read
from analysis.pictures import decode, format_of, is_picture
from analysis.records import usable
from analysis.samples import Reservoir, Sample
from analysis.skips import Kind, Skip, Tally
from lambda_src.shared.spreadsheets import quote_formulas
from operations.deployed import DEFAULT_THRESHOLD
from training.paths import writable_path

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LABELS = "labels.csv"
COLUMNS = ("file", "event_id", "inference_id", "label", "weight")

GUESS, DOUBT, SURE = 0.6, 0.8, 0.99
"""Confidences that divide the strata, with the threshold: guesses, doubts, pictures just below the
threshold and above it, and what the model is sure of."""


@dataclass(frozen=True)
class Picked:
    """A picture to label."""

    sample: Sample
    weight: float
    """Records of its stratum / pictures sampled from it."""


def pick(
    location: str | Path,
    *,
    classes: Sequence[str],
    count: int,
    tally: Tally,
    threshold: float = DEFAULT_THRESHOLD,
    now: datetime | None = None,
    seed: int = 0,
    s3_client: "S3Client | None" = None,
) -> list[Picked]:
    """At most `count` pictures of the captures below `location`, in random order.

    Memory holds `count` pictures a stratum, and the event ids.

    Args:
        location: as for `analysis.read`.
        classes: names, in the order of the probabilities.
        count: how many to pick; fewer if fewer were captured.
        tally: told of everything that is not used.
        threshold: the confidence threshold that is set now.
        now: as for `analysis.collect`.
        seed: another one gives another sample.
        s3_client: as for `analysis.read`.

    Raises:
        FileNotFoundError: there is no such local file or folder.
    """
    generator = random.Random(seed)
    borders = sorted({GUESS, DOUBT, SURE, threshold})
    strata = [Reservoir(count, generator) for _ in range(len(borders) + 1)]
    captures = read(location, on_skip=tally.add, s3_client=s3_client)
    for capture in usable(captures, tally=tally, now=now or datetime.now(UTC)):
        _offer(capture, borders, strata, len(classes), tally)
    samples = [list(stratum.samples()) for stratum in strata]
    picked = []
    for stratum, kept, share in zip(strata, samples, _shares(samples, count), strict=True):
        chosen = generator.sample(kept, share)
        picked += [Picked(sample, stratum.offered / share) for sample in chosen]
    generator.shuffle(picked)
    return picked


def _offer(
    capture: Capture,
    borders: Sequence[float],
    strata: Sequence[Reservoir],
    number: int,
    tally: Tally,
) -> None:
    if capture.input is None or capture.probabilities is None:
        return
    if len(capture.probabilities) != number:
        reason = f"{len(capture.probabilities)} probabilities, expected {number}"
        tally.add(Skip(capture.file, capture.line, reason, Kind.CLASS_COUNT))
    elif is_picture(capture.input.content):
        stratum = strata[bisect_right(borders, max(capture.probabilities))]
        place = stratum.place()
        if place is not None:
            _keep(capture, capture.input.content, stratum, place, tally)


def _keep(capture: Capture, picture: bytes, stratum: Reservoir, place: int, tally: Tally) -> None:
    try:
        decode(picture)
    except ValueError as error:
        tally.add(Skip(capture.file, capture.line, str(error), Kind.NO_PICTURE))
    else:
        stratum.keep(place, Sample.of(capture))


def _shares(strata: Sequence[Sequence[Sample]], count: int) -> list[int]:
    """The same number from each stratum; what one lacks, the others give."""
    shares = [0] * len(strata)
    left = count
    open_ = [number for number, stratum in enumerate(strata) if stratum]
    while left and open_:
        for number in open_[:left]:
            shares[number] += 1
        left -= len(open_[:left])
        open_ = [number for number in open_ if shares[number] < len(strata[number])]
    return shares


def write(picked: Iterable[Picked], folder: Path) -> Path:
    """Write the pictures as they were captured, and last `labels.csv`; gives its path.

    Raises:
        FileExistsError: there is a `labels.csv` already, which may hold somebody's work, or a link
            that would lead out of the folder.
    """
    refuse_existing(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, each in enumerate(picked, 1):
        sample = each.sample
        name = f"{number:04}.{(format_of(sample.picture) or 'image').lower()}"
        writable_path(folder, name).write_bytes(sample.picture)
        ids = (quote_formulas(sample.event_id), quote_formulas(sample.inference_id))
        rows.append((name, *ids, None, f"{each.weight:.6g}"))
    with (folder / LABELS).open("x", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    return folder / LABELS


def refuse_existing(folder: Path) -> None:
    """Raises FileExistsError if there is a `labels.csv` already."""
    if (folder / LABELS).exists():
        raise FileExistsError(
            f"{folder / LABELS} is there already and may hold labels: "
            "name another folder with --out, or remove it"
        )
