"""Compute every number of the report: the content of summary.json, for the next report as well."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import AwareDatetime, BaseModel, ValidationError, model_validator

from analysis import metrics, threshold
from analysis.files import name_of
from analysis.metrics import Calibration, Count, Flags, Floats, Share
from analysis.records import Records
from analysis.skipped_lines import Kind
from analysis.threshold import Choice, Costs, Interval
from operations.deployed import Threshold

OF_LABELS = {
    Kind.NO_LABEL,
    Kind.NOT_LABELLED,
    Kind.UNKNOWN_CLASS,
    Kind.CONTRADICTION,
    Kind.UNMATCHED,
}
"""Kinds of skipped lines that are about labels, not about captures."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What to report on, and where to write it."""

    captures: str
    """s3://bucket/folder, a folder or a file."""
    out: Path
    """Folder; an earlier report in it is replaced, and compared with."""
    threshold: Threshold
    classes: Sequence[str] = ()
    """In the order of the probabilities; default: those of the dataset."""
    dataset: str | None = None
    """Folder or s3://bucket/prefix of a staged dataset."""
    truth: str | None = None
    """See `analysis.ground_truth.read`."""
    costs: Costs = field(default_factory=Costs)
    previous: Path | None = None
    """summary.json of the report to compare with instead."""


class Variant(BaseModel, frozen=True):
    """Predictions of one variant of the endpoint."""

    captures: int
    accepted: Share | None
    mean_confidence: float | None
    accuracy: Share | None


class LabelledSummary(BaseModel, frozen=True):
    """What the labelled records show."""

    records: int
    weighted: bool
    accuracy: Share
    accuracy_among_accepted: Share | None
    confusion: list[list[int]]
    """Rows are true classes, columns predicted ones; not weighted."""
    calibration: Calibration
    costs: Costs
    cost_per_1000: dict[str, Interval]
    """By threshold: the marked ones, the current and the cheapest one."""
    cheapest_threshold: Interval
    saving_per_1000: Interval
    wrong: int
    enough_to_choose: bool
    change_threshold: bool


class Summary(BaseModel, frozen=True, allow_inf_nan=False):
    """The numbers of one report; times are UTC."""

    format: Literal[1] = 1
    made: AwareDatetime
    captures: str
    threshold: float
    threshold_source: str | None = None
    """See `operations.deployed.Threshold`."""
    classes: tuple[str, ...]
    records: Count
    predictions: Count
    """Records with an output."""
    different_pictures: int | None
    """Among the records; None if pictures were not compared."""
    first: AwareDatetime | None
    last: AwareDatetime | None
    accepted: Share | None
    mean_confidence: float | None
    predicted: dict[str, Count]
    variants: dict[str, Variant]
    """By "endpoint/variant"; "unknown" if the folders do not say."""
    skipped: dict[str, int]
    left_out: int
    """Skipped lines of captures, without measurements of the baseline."""
    labels_left_out: int
    truth: LabelledSummary | None
    pictures: tuple[str, ...]
    """PNG files in the folder pictures/ beside it."""

    @model_validator(mode="after")
    def _counts_every_class(self) -> Self:
        if missing := set(self.classes) - self.predicted.keys():
            raise ValueError(f"predicted lacks {missing}")
        return self


@dataclass(frozen=True)
class Labelled:
    """Labelled predictions, as arrays of one element each."""

    confidence: Floats
    predicted: NDArray[np.int64]
    true_class: NDArray[np.int64]
    weights: Floats | None

    @property
    def correct(self) -> Flags:
        """Return for each record whether its best class is the true one."""
        return np.equal(self.predicted, self.true_class)

    def choose_threshold(self, *, present: float, costs: Costs) -> Choice:
        """Compare what each threshold would have cost."""
        return threshold.choose(
            self.confidence, self.correct, present=present, costs=costs, weights=self.weights
        )


def labelled(frame: pd.DataFrame) -> Labelled | None:
    """Return the predictions whose true class is known; None if there are none."""
    if "true_class" not in frame:
        return None
    known = frame[frame["true_class"].notna() & frame["confidence"].notna()]
    if known.empty:
        return None
    weights = known["weight"].to_numpy(float)
    return Labelled(
        confidence=known["confidence"].to_numpy(float),
        predicted=known["best_class"].to_numpy(np.int64),
        true_class=known["true_class"].to_numpy(np.int64),
        weights=None if (weights == weights[0]).all() else weights,
    )


def summarise(
    records: Records, request: Request, truth: LabelledSummary | None, pictures: tuple[str, ...]
) -> Summary:
    """Compute the summary; `truth` comes from `summarise_labelled`."""
    threshold = request.threshold.value
    frame = records.frame
    seen = frame[frame["confidence"].notna()]
    counts = seen["best_class"].value_counts()
    skipped = records.skipped.counts
    not_lost = {kind for kind in Kind if kind.kept} | {Kind.BASELINE} | OF_LABELS
    return Summary(
        made=datetime.now(UTC),
        captures=name_of(request.captures),
        threshold=threshold,
        threshold_source=request.threshold.source,
        classes=records.classes,
        records=len(frame),
        predictions=len(seen),
        different_pictures=(
            int(frame["fingerprint"].nunique()) if "fingerprint" in frame else None
        ),
        first=None if frame.empty else frame["time"].iloc[0].to_pydatetime(),
        last=None if frame.empty else frame["time"].iloc[-1].to_pydatetime(),
        accepted=_accepted(seen, threshold),
        mean_confidence=_mean_confidence(seen),
        predicted={name: int(counts.get(index, 0)) for index, name in enumerate(records.classes)},
        variants=_variants(frame, threshold),
        skipped={kind.value: count for kind, count in skipped.items()},
        left_out=sum(count for kind, count in skipped.items() if kind not in not_lost),
        labels_left_out=sum(count for kind, count in skipped.items() if kind in OF_LABELS),
        truth=truth,
        pictures=pictures,
    )


def _accepted(seen: pd.DataFrame, threshold: float) -> Share | None:
    return metrics.share((seen["confidence"] >= threshold).to_numpy(bool))


def _mean_confidence(seen: pd.DataFrame) -> float | None:
    return None if seen.empty else float(seen["confidence"].mean())


def _variants(frame: pd.DataFrame, threshold: float) -> dict[str, Variant]:
    endpoint, variant = (frame[name].astype("string") for name in ("endpoint", "variant"))
    variants = {}
    for name, rows in frame.groupby((endpoint + "/" + variant).fillna("unknown")):
        seen, known = rows[rows["confidence"].notna()], labelled(rows)
        variants[str(name)] = Variant(
            captures=len(rows),
            accepted=_accepted(seen, threshold),
            mean_confidence=_mean_confidence(seen),
            accuracy=None if known is None else metrics.share(known.correct, known.weights),
        )
    return variants


def summarise_labelled(known: Labelled, choice: Choice, *, classes: int) -> LabelledSummary:
    """Summarise labelled predictions; `choice` comes from their `choose_threshold`."""
    correct = known.correct
    accuracy = metrics.share(correct, known.weights)
    assert accuracy is not None  # there is no `Labelled` without records
    accepted = metrics.accepted_at(choice.present, known.confidence, correct, known.weights)
    costs = sorted({*threshold.MARKED, choice.present, choice.cheapest.value})
    return LabelledSummary(
        records=correct.size,
        weighted=known.weights is not None,
        accuracy=accuracy,
        accuracy_among_accepted=accepted.accuracy,
        confusion=metrics.confusion(known.true_class, known.predicted, classes=classes).tolist(),
        calibration=metrics.calibration(known.confidence, correct, known.weights),
        costs=choice.costs,
        cost_per_1000={f"{value:g}": choice.at(value) for value in costs},
        cheapest_threshold=choice.cheapest,
        saving_per_1000=choice.saving,
        wrong=choice.wrong,
        enough_to_choose=choice.enough,
        change_threshold=choice.change,
    )


def read(path: Path) -> Summary:
    """Return the summary of an earlier report, or raise FileNotFoundError or ValueError."""
    try:
        return Summary.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ValueError(
            f"{path} is not the summary.json of a report of this version: "
            f"{error.error_count()} invalid values"
        ) from error
