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
    LabelledSummary,
    Request,
    Summary,
    labelled,
    summarise,
    summarise_labelled,
)
from analysis.report.summary_text import SummaryText
from analysis.skipped_lines import SkippedLines
from analysis.threshold import MARKED


@dataclass(frozen=True)
class Content:
    """Everything that the report shows."""

    summary: Summary
    text: SummaryText
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
    request: Request,
    *,
    dataset: DatasetPreview | None = None,
    before: Summary | None = None,
) -> Content:
    """Compute everything, without drawing.

    `records` are joined with ground truth if there is any; `before` is the previous report.
    """
    predictions = _predictions(records, request)
    samples = {
        "Least confident pictures": records.least_confident,
        "Randomly chosen pictures": records.random,
    }
    sheets = tuple(Sheet.of(title, each, records) for title, each in samples.items() if each)
    known = labelled(records.frame)
    truth: LabelledSummary | None = None
    accuracy: tuple[Plot, ...] = ()
    cost: tuple[Plot, ...] = ()
    if known:
        choice = known.choose_threshold(present=request.threshold.value, costs=request.costs)
        truth = summarise_labelled(known, choice, classes=len(records.classes))
        curve = [
            accepted_at(value, known.confidence, known.correct, known.weights)
            for value in choice.thresholds
        ]
        accuracy = (
            confusion_matrix.plot(np.array(truth.confusion), classes=records.classes),
            reliability.plot(truth.calibration),
            accepted_accuracy.plot(curve, marked=MARKED, present=choice.present),
        )
        lowest = float(records.frame["confidence"].min())
        cost = (threshold_cost.plot(choice, lowest=lowest),)
    slides = (*predictions, *map(contact_sheet.plot, sheets), *accuracy, *cost)
    summary = summarise(records, request, truth, tuple(f"{plot.name}.png" for plot in slides))
    return Content(
        summary=summary,
        text=SummaryText.of(summary, before),
        predictions=predictions,
        sheets=sheets,
        accuracy=accuracy,
        threshold=cost,
        slides=slides,
        skipped=records.skipped,
        dataset=dataset,
    )


def _predictions(records: Records, request: Request) -> tuple[Plot, ...]:
    seen = records.frame[records.frame["confidence"].notna()]
    if seen.empty:
        return ()
    threshold = request.threshold.value
    return (
        confidence_over_time.plot(seen, threshold=threshold),
        confidence_per_class.plot(seen, classes=records.classes, threshold=threshold),
        share_accepted.plot(seen, threshold=threshold),
        predictions_over_time.plot(seen, classes=records.classes),
    )
