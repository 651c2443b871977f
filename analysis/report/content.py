"""From records to what the report shows, before it is HTML."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis import metrics
from analysis.dataset import StagedDataset
from analysis.plots import (
    accepted_accuracy,
    confidence_over_time,
    confidence_per_class,
    confusion_matrix,
    contact_sheet,
    predictions_over_time,
    reliability,
    share_accepted,
    threshold_cost,
)
from analysis.plots.contact_sheet import Tile
from analysis.plots.style import Picture
from analysis.records import Records
from analysis.report.summary import Judged, Summary, choose, judged, summarise
from analysis.report.thumbnails import thumbnail
from analysis.samples import Sample
from analysis.skips import Skips
from analysis.threshold import MARKED, Choice, Costs


@dataclass(frozen=True)
class Sheet:
    """Captured pictures to look at."""

    title: str
    tiles: tuple[Tile, ...]
    broken: int
    """Chosen, but not to be decoded."""


@dataclass(frozen=True)
class Content:
    """Everything that the report shows."""

    summary: Summary
    predictions: tuple[Picture, ...]
    sheets: tuple[Sheet, ...]
    truth: tuple[Picture, ...]
    """Without a known truth there are none."""
    threshold: tuple[Picture, ...]
    pictures: tuple[Picture, ...]
    """All of these, and the sheets: each becomes a PNG."""
    skips: Skips
    dataset: StagedDataset | None


def content(
    records: Records,
    *,
    captures: str,
    present: float,
    costs: Costs,
    dataset: StagedDataset | None,
    threshold_source: str | None = None,
) -> Content:
    """Compute and prepare everything; nothing is drawn yet.

    Args:
        records: the captures, with the truth where it is known.
        captures: where they were read.
        present: the confidence threshold that is set now.
        costs: of a wrong routing and of a hand check.
        dataset: the pictures that the model learned from, if known.
        threshold_source: where `present` comes from, in words.
    """
    known = judged(records.frame)
    choice = None if known is None else choose(known, present=present, costs=costs)
    summary = summarise(records, captures=captures, present=present, known=known, choice=choice)
    of_truth = _truth(known, choice, summary) if known and choice else ()
    of_threshold = (_threshold(choice, records),) if choice else ()
    sheets = _sheets(records)
    slides = tuple(_slide(sheet) for sheet in sheets)
    predictions = _predictions(records, captures=captures, present=present)
    pictures = *predictions, *slides, *of_truth, *of_threshold
    return Content(
        summary=summary.model_copy(
            update={
                "pictures": tuple(f"{each.name}.png" for each in pictures),
                "threshold_source": threshold_source,
            }
        ),
        predictions=predictions,
        sheets=sheets,
        truth=of_truth,
        threshold=of_threshold,
        pictures=pictures,
        skips=records.skips,
        dataset=dataset,
    )


def _predictions(records: Records, *, captures: str, present: float) -> tuple[Picture, ...]:
    seen = records.frame[records.frame["confidence"].notna()]
    if seen.empty:
        return ()
    return (
        confidence_over_time.picture(seen, threshold=present, source=captures),
        confidence_per_class.picture(seen, classes=records.classes, threshold=present),
        share_accepted.picture(seen, threshold=present),
        predictions_over_time.picture(seen, classes=records.classes),
    )


def _truth(known: Judged, choice: Choice, summary: Summary) -> tuple[Picture, ...]:
    assert summary.truth is not None  # the caller has records with a known truth
    curve = metrics.accepted(known.confidence, known.right, choice.thresholds, known.weights)
    return (
        confusion_matrix.picture(np.array(summary.truth.confusion), classes=summary.classes),
        reliability.picture(summary.truth.calibration),
        accepted_accuracy.picture(curve, marked=MARKED, present=choice.present),
    )


def _threshold(choice: Choice, records: Records) -> Picture:
    return threshold_cost.picture(choice, lowest=float(records.frame["confidence"].min()))


def _sheets(records: Records) -> tuple[Sheet, ...]:
    sheets = (
        _sheet("Least confident pictures", records.least_confident, records),
        _sheet("Randomly chosen pictures", records.random, records),
    )
    return tuple(sheet for sheet in sheets if sheet.tiles)


def _sheet(title: str, samples: Sequence[Sample], records: Records) -> Sheet:
    truth = records.frame.set_index("event_id")["label"] if "label" in records.frame else None
    tiles = []
    for sample in samples:
        png = thumbnail(sample.picture)
        if png is None:
            continue
        label = records.classes[sample.best_class]
        true = None if truth is None else truth[sample.event_id]
        tiles.append(
            Tile(
                png,
                label=label,
                confidence=sample.confidence,
                moment=f"{sample.time:%Y-%m-%d %H:%M:%S}",
                mistaken=str(true) if pd.notna(true) and true != label else None,
            )
        )
    return Sheet(title, tuple(tiles), len(samples) - len(tiles))


def _slide(sheet: Sheet) -> Picture:
    name = sheet.title.lower().replace(" ", "-")
    subtitle = "predicted class and confidence; the true class where it is known to be another"
    return contact_sheet.picture(name, sheet.title, sheet.tiles, subtitle=subtitle)
