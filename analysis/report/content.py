"""Turn records into the content of a report, before it becomes HTML."""

from dataclasses import dataclass

import numpy as np

from analysis.dataset import DatasetPreview
from analysis.metrics import accepted_at
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
from analysis.plots.contact_sheet import Sheet
from analysis.plots.style import Plot
from analysis.records import Records
from analysis.report.summary import (
    Labelled,
    LabelledSummary,
    Summary,
    labelled,
    summarise,
    summarise_labelled,
)
from analysis.skipped_lines import SkippedLines
from analysis.threshold import MARKED, Choice, Costs


@dataclass(frozen=True)
class Content:
    """Everything that the report shows."""

    summary: Summary
    predictions: tuple[Plot, ...]
    """Empty without predictions."""
    sheets: tuple[Sheet, ...]
    accuracy: tuple[Plot, ...]
    """Empty without labels."""
    threshold: tuple[Plot, ...]
    """Empty without labels."""
    slides: tuple[Plot, ...]
    """All of these; each becomes a PNG."""
    skipped: SkippedLines
    dataset: DatasetPreview | None


def content(
    records: Records,
    *,
    captures: str,
    threshold: float,
    costs: Costs,
    dataset: DatasetPreview | None,
    threshold_source: str | None = None,
) -> Content:
    """Compute and prepare everything, without drawing.

    Args:
        records: the captures, joined with ground truth if there is any.
        captures: where they were read.
        threshold: the current confidence threshold.
        costs: of a wrong routing and of a hand check.
        dataset: what the model learned from, if known.
        threshold_source: see `operations.deployed.Threshold`.
    """
    predictions = _predictions(records, captures=captures, threshold=threshold)
    sheets = tuple(
        sheet
        for sheet in (
            Sheet.of("Least confident pictures", records.least_confident, records),
            Sheet.of("Randomly chosen pictures", records.random, records),
        )
        if sheet.tiles
    )
    known = labelled(records.frame)
    truth: LabelledSummary | None = None
    accuracy: tuple[Plot, ...] = ()
    cost: tuple[Plot, ...] = ()
    if known:
        choice = known.choose_threshold(present=threshold, costs=costs)
        truth = summarise_labelled(known, choice, classes=len(records.classes))
        accuracy = _accuracy(known, choice, truth, records.classes)
        lowest = float(records.frame["confidence"].min())
        cost = (threshold_cost.plot(choice, lowest=lowest),)
    slides = (*predictions, *map(contact_sheet.plot, sheets), *accuracy, *cost)
    summary = summarise(
        records,
        captures=captures,
        threshold=threshold,
        threshold_source=threshold_source,
        truth=truth,
        pictures=tuple(f"{plot.name}.png" for plot in slides),
    )
    return Content(summary, predictions, sheets, accuracy, cost, slides, records.skipped, dataset)


def _predictions(records: Records, *, captures: str, threshold: float) -> tuple[Plot, ...]:
    seen = records.frame[records.frame["confidence"].notna()]
    if seen.empty:
        return ()
    return (
        confidence_over_time.plot(seen, threshold=threshold, source=captures),
        confidence_per_class.plot(seen, classes=records.classes, threshold=threshold),
        share_accepted.plot(seen, threshold=threshold),
        predictions_over_time.plot(seen, classes=records.classes),
    )


def _accuracy(
    known: Labelled, choice: Choice, truth: LabelledSummary, classes: tuple[str, ...]
) -> tuple[Plot, ...]:
    curve = [
        accepted_at(value, known.confidence, known.correct, known.weights)
        for value in choice.thresholds
    ]
    return (
        confusion_matrix.plot(np.array(truth.confusion), classes=classes),
        reliability.plot(truth.calibration),
        accepted_accuracy.plot(curve, marked=MARKED, present=choice.present),
    )
