"""Every figure of the report: what summary.json holds, and what the next report compares with."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
import pandas as pd
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    Field,
    ValidationError,
    model_validator,
)

from analysis import metrics, threshold
from analysis.metrics import Accepted, Calibration, Flags, Floats, Share
from analysis.records import Records
from analysis.skips import Kind
from analysis.threshold import Choice, Costs, Interval

OF_LABELS = (
    Kind.NO_TRUTH,
    Kind.NOT_LABELLED,
    Kind.UNKNOWN_CLASS,
    Kind.CONTRADICTION,
    Kind.UNMATCHED,
)
"""Kinds of skips that are about the ground truth, not about captures."""


def _check_share(share: Share) -> Share:
    # NaN is below and above nothing; an interval may end beyond 0 or 1 by a rounding error.
    numbers = (share.value, share.low, share.high)
    if not all(0 <= round(number, 9) <= 1 for number in numbers):
        raise ValueError("a share is from 0 to 1")
    if not 0 <= share.records <= MAX_COUNT:
        raise ValueError(f"a share is of 0 to {MAX_COUNT:,} records")
    return share


MAX_COUNT = 2**53
"""Above it a float cannot tell one count from the next."""

Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]
CheckedShare = Annotated[Share, AfterValidator(_check_share)]


class Group(BaseModel, frozen=True):
    """Predictions of one variant of the endpoint."""

    captures: int
    accepted: Share | None
    mean_confidence: float | None
    accuracy: Share | None
    """None without a known truth."""


class TruthFigures(BaseModel, frozen=True):
    """What is known of the records whose truth is known."""

    records: int
    weighted: bool
    """Whether the records count by the weights of their sample."""
    accuracy: CheckedShare
    accuracy_among_accepted: Share | None
    """None if none of them is accepted."""
    confusion: list[list[int]]
    """Rows are true classes, columns predicted ones; not weighted."""
    calibration: Calibration
    accepted: tuple[Accepted, ...]
    """At the marked thresholds and the present one."""
    costs: Costs
    cost_per_1000: dict[str, Interval]
    """By threshold: the marked ones, the present and the cheapest one."""
    cheapest_threshold: Interval
    saving_per_1000: Interval
    wrong: int
    enough_to_choose: bool
    change_threshold: bool


class Summary(BaseModel, frozen=True, allow_inf_nan=False):
    """The figures of one report; times are UTC."""

    format: Literal[1] = 1
    made: AwareDatetime
    captures: str
    """Where they were read."""
    threshold: float
    threshold_source: str | None = None
    """Where the threshold comes from, in words; None in summaries that do not say."""
    classes: tuple[str, ...]
    records: Count
    predictions: Count
    """Records with an output."""
    different_pictures: int | None
    """Among the records; None where nothing had to compare pictures."""
    first: AwareDatetime | None
    last: AwareDatetime | None
    accepted: CheckedShare | None
    mean_confidence: float | None
    median_confidence: float | None
    predicted: dict[str, Count]
    """By class."""
    variants: dict[str, Group]
    """By "endpoint/variant"; "unknown" where the folders do not tell."""
    skipped: dict[str, int]
    """By kind, in words."""
    left_out: int
    """Lines of captures that no figure counts; measurements of the baseline are not among them."""
    labels_left_out: int
    """Lines of the ground truth that are not used."""
    truth: TruthFigures | None
    pictures: tuple[str, ...]
    """PNG files in the folder beside it."""

    @model_validator(mode="after")
    def _counts_every_class(self) -> Self:
        if missing := set(self.classes) - self.predicted.keys():
            raise ValueError(f"predicted lacks {missing}")
        return self


@dataclass(frozen=True)
class Judged:
    """Records with a known truth, as arrays of one element each."""

    confidence: Floats
    predicted: np.ndarray[tuple[int], np.dtype[np.int64]]
    truth: np.ndarray[tuple[int], np.dtype[np.int64]]
    weights: Floats | None

    @property
    def right(self) -> Flags:
        """Whether the best class is the true one."""
        return np.equal(self.predicted, self.truth)


def judged(frame: pd.DataFrame) -> Judged | None:
    """The predictions whose truth is known; None if there are none."""
    if "truth" not in frame:
        return None
    known = frame[frame["truth"].notna() & frame["confidence"].notna()]
    if known.empty:
        return None
    weights = known["weight"].to_numpy(float)
    return Judged(
        confidence=known["confidence"].to_numpy(float),
        predicted=known["best_class"].to_numpy(np.int64),
        truth=known["truth"].to_numpy(np.int64),
        weights=None if (weights == weights[0]).all() else weights,
    )


def choose(known: Judged, *, present: float, costs: Costs) -> Choice:
    """What each threshold would have cost on these records."""
    return threshold.choose(
        known.confidence, known.right, present=present, costs=costs, weights=known.weights
    )


def summarise(
    records: Records, *, captures: str, present: float, known: Judged | None, choice: Choice | None
) -> Summary:
    """Compute every figure; `known` and `choice` come from the functions above."""
    frame = records.frame
    seen = frame[frame["confidence"].notna()]
    counts = seen["best_class"].value_counts()
    return Summary(
        made=datetime.now(UTC),
        captures=captures,
        threshold=present,
        classes=records.classes,
        records=len(frame),
        predictions=len(seen),
        different_pictures=int(frame["picture"].nunique()) if "picture" in frame else None,
        first=None if frame.empty else frame["time"].iloc[0].to_pydatetime(),
        last=None if frame.empty else frame["time"].iloc[-1].to_pydatetime(),
        accepted=_accepted(seen, present),
        mean_confidence=None if seen.empty else float(seen["confidence"].mean()),
        median_confidence=None if seen.empty else float(seen["confidence"].median()),
        predicted={name: int(counts.get(index, 0)) for index, name in enumerate(records.classes)},
        variants=_variants(frame, present),
        skipped={kind.value: count for kind, count in records.skips.counts.items()},
        left_out=records.skips.left_out - _count(records, Kind.BASELINE, *OF_LABELS),
        labels_left_out=_count(records, *OF_LABELS),
        truth=None
        if known is None or choice is None
        else truth_figures(known, choice, classes=len(records.classes)),
        pictures=(),
    )


def _count(records: Records, *kinds: Kind) -> int:
    return sum(records.skips.counts.get(kind, 0) for kind in kinds)


def read(path: Path) -> Summary:
    """The figures of an earlier report.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a summary of a report, or one of another version.
    """
    try:
        return Summary.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ValueError(
            f"{path} is not the summary.json of a report of this version: "
            f"{error.error_count()} of its values are not as they should be"
        ) from error


def _accepted(seen: pd.DataFrame, present: float) -> Share | None:
    return metrics.share((seen["confidence"] >= present).to_numpy(bool))


def _variants(frame: pd.DataFrame, present: float) -> dict[str, Group]:
    endpoint, variant = (frame[name].astype("string") for name in ("endpoint", "variant"))
    names = (endpoint + "/" + variant).fillna("unknown")
    return {str(name): _group(rows, present) for name, rows in frame.groupby(names)}


def _group(rows: pd.DataFrame, present: float) -> Group:
    seen, known = rows[rows["confidence"].notna()], judged(rows)
    return Group(
        captures=len(rows),
        accepted=_accepted(seen, present),
        mean_confidence=None if seen.empty else float(seen["confidence"].mean()),
        accuracy=None if known is None else metrics.share(known.right, known.weights),
    )


def truth_figures(known: Judged, choice: Choice, *, classes: int) -> TruthFigures:
    """What is known of records with a known truth; `choice` is what `choose` gives of them."""
    accuracy = metrics.share(known.right, known.weights)
    assert accuracy is not None  # there is no `Judged` without records
    marked = sorted({*threshold.MARKED, choice.present})
    accepted = metrics.accepted(known.confidence, known.right, np.array(marked), known.weights)
    return TruthFigures(
        records=known.right.size,
        weighted=known.weights is not None,
        accuracy=accuracy,
        accuracy_among_accepted=next(
            each.accuracy for each in accepted if each.threshold == choice.present
        ),
        confusion=metrics.confusion(known.truth, known.predicted, classes=classes).tolist(),
        calibration=metrics.calibration(known.confidence, known.right, known.weights),
        accepted=accepted,
        costs=choice.costs,
        cost_per_1000={
            f"{value:g}": choice.at(value) for value in sorted({*marked, choice.cheapest.value})
        },
        cheapest_threshold=choice.cheapest,
        saving_per_1000=choice.saving,
        wrong=choice.wrong,
        enough_to_choose=choice.enough,
        change_threshold=choice.change,
    )
