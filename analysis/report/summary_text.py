"""Put the numbers of a report into sentences: what the model did, what changed, what to do."""

import shlex
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from scipy.stats import fisher_exact

from analysis.metrics import Share
from analysis.plots.style import counted, percent
from analysis.report.summary import LabelledSummary, Summary
from analysis.skipped_lines import Kind
from analysis.threshold import FEWEST_RECORDS, FEWEST_WRONG
from lambda_src.shared.class_names import encode
from operations.deployed import DEFAULT_THRESHOLD

FEW_PREDICTIONS = 100
CHANCE = 0.01
"""p-value below which a difference is called more than chance."""


@dataclass(frozen=True)
class SummaryText:
    """The sentences of a report."""

    did: list[str]
    changed: list[str]
    to_do: list[str]
    threshold: str | None
    """What to set; None without labels."""

    @classmethod
    def of(cls, now: Summary, before: Summary | None) -> Self:
        """Write the sentences of a report; `before` is the previous one."""
        advice = threshold_advice(now, now.truth) if now.truth else None
        return cls(did(now), changed(now, before), to_do(now), advice)


def did(summary: Summary) -> list[str]:
    """Say what the model did."""
    if not summary.records:
        return [f"No predictions were captured below {summary.captures}."]
    if summary.accepted is None:
        return [
            f"{counted(summary.records, 'capture')} without output: there are no predictions to "
            "report."
        ]
    assert summary.first is not None  # there are records
    assert summary.last is not None
    accepted = round(summary.accepted.value * summary.predictions)
    sentences = [
        f"The endpoint captured {counted(summary.predictions, 'prediction')} "
        f"{_when(summary.first, summary.last)}.",
        f"{accepted:,} of them, {_share(summary.accepted)}, reached the threshold of "
        f"{summary.threshold:g} and were accepted; {summary.predictions - accepted:,} were "
        "rejected.",
    ]
    if summary.threshold_source:
        sentences.append(f"The threshold of {summary.threshold:g} is {summary.threshold_source}.")
    different = summary.different_pictures
    if different and different < summary.records:
        sentences.append(
            f"They show {counted(different, 'different picture')}; a repeated picture counts each "
            "time."
        )
    if truth := summary.truth:
        how = ", weighted by how they were sampled," if truth.weighted else ","
        sentences.append(
            f"Of the {counted(truth.records, 'labelled prediction')}{how} {_share(truth.accuracy)} "
            "were correct."
        )
        if among := truth.accuracy_among_accepted:
            sentences.append(f"Of the accepted ones, {_share(among)} were correct.")
    if len(summary.variants) > 1:
        sentences.append(
            f"The captures come from {len(summary.variants)} variants. All numbers cover all of "
            "them; a table compares them."
        )
    return sentences


def changed(now: Summary, before: Summary | None) -> list[str]:
    """Say what changed since the previous report."""
    if before is None:
        return ["There is no previous report. The next one will be compared with this one."]
    sentences = [f"The previous report was made on {before.made:%d %b %Y %H:%M} UTC."]
    if (now.records, now.first, now.last) == (before.records, before.first, before.last):
        sentences.append("It covered the same captures.")
    else:
        sentences.append(
            f"It covered {counted(before.records, 'record')}; this one covers {now.records:,}."
        )
    if now.classes != before.classes:
        sentences.append("Its classes were different, so nothing else can be compared.")
        return sentences
    if now.threshold != before.threshold:
        sentences.append(
            f"The threshold went from {before.threshold:g} to {now.threshold:g}, so the accepted "
            "shares cannot be compared."
        )
    elif now.accepted and before.accepted:
        sentences.append(_moved("The accepted share", now.accepted, before.accepted, now, before))
    if now.mean_confidence is not None and before.mean_confidence is not None:
        old, new = f"{before.mean_confidence:.3f}", f"{now.mean_confidence:.3f}"
        sentences.append(f"{_went('The mean confidence', old, new)}.")
    if now.predictions and before.predictions:
        sentences.append(_moved_classes(now, before))
    if now.truth and before.truth:
        accuracy, earlier = now.truth.accuracy, before.truth.accuracy
        if now.truth.weighted or before.truth.weighted:
            sentences.append(f"{_went('The accuracy', _share(earlier), _share(accuracy))}.")
        else:
            sentences.append(_moved("The accuracy", accuracy, earlier, now, before))
    return sentences


def _moved_classes(now: Summary, before: Summary) -> str:
    shares = {
        name: (before.predicted[name] / before.predictions, count / now.predictions)
        for name, count in now.predicted.items()
    }
    name, (old, new) = max(shares.items(), key=lambda item: abs(item[1][1] - item[1][0]))
    if round(old, 3) == round(new, 3):
        return "The shares of the predicted classes are unchanged."
    return f"The share of {name} changed most: from {percent(old)} to {percent(new)}."


def _moved(what: str, new: Share, old: Share, now: Summary, before: Summary) -> str:
    moved = _went(what, percent(old.value), percent(new.value))
    if percent(old.value) == percent(new.value):
        return f"{moved}."
    if not (now.first and before.last and now.first > before.last):
        return f"{moved}; the two reports overlap in time."
    hits = [(round(each.value * each.records), each.records) for each in (new, old)]
    if fisher_exact([[hit, records - hit] for hit, records in hits]).pvalue < CHANCE:
        return f"{moved}, more than chance explains."
    return f"{moved}, which may be chance."


def _went(what: str, old: str, new: str) -> str:
    if old == new:
        return f"{what} is unchanged at {new}"
    return f"{what} went from {old} to {new}"


def to_do(summary: Summary) -> list[str]:
    """Say what to do, the most urgent first."""
    advice = []
    for count, of in ((summary.left_out, "captures"), (summary.labels_left_out, "labels")):
        if count:
            were = "was" if count == 1 else "were"
            advice.append(
                f"{counted(count, 'line')} of the {of} {were} skipped: section “Skipped lines” "
                "says which and why."
            )
    if not summary.predictions:
        advice.append(
            "Check that the endpoint was called, that capture.enabled is true and captures the "
            "output, and that the location is right. Captures appear a few minutes after a call."
        )
        return advice
    if summary.truth:
        advice.append(threshold_advice(summary, summary.truth))
    else:
        advice.append(
            "How many predictions are correct is unknown: confidence cannot tell, because a model "
            f"can be confidently wrong. {_how_to_label(summary)} Only then can the threshold be "
            "judged."
        )
    if summary.predictions < FEW_PREDICTIONS:
        advice.append(
            f"{counted(summary.predictions, 'prediction')} cannot say much: read the intervals, "
            "not only the shares, and look again when there are a few hundred."
        )
    return advice


def _how_to_label(summary: Summary) -> str:
    without = (Kind.NO_INPUT, Kind.NO_PICTURE)
    if sum(summary.skipped.get(kind.value, 0) for kind in without) >= summary.records:
        return (
            "The captures contain no pictures to label by hand: let the endpoint capture its "
            "input as well, or pass labels by event id with --truth."
        )
    count = min(FEWEST_RECORDS, summary.predictions)
    arguments = [summary.captures, "--classes", encode(summary.classes), "--count", str(count)]
    if summary.threshold != DEFAULT_THRESHOLD:
        arguments += ["--threshold", f"{summary.threshold:g}"]
    return (
        f"Run {shlex.join(['scones', 'sample', *arguments])}, fill in the CSV it writes, and run "
        "this report again with --truth."
    )


def threshold_advice(summary: Summary, truth: LabelledSummary) -> str:
    """Say which threshold to set, or that the data cannot tell."""
    now, best = summary.threshold, truth.cheapest_threshold
    keep = f"Keep workflow.confidence_threshold = {now:g}"
    if not truth.enough_to_choose:
        return (
            f"{keep} for now and label more pictures: {counted(truth.records, 'record')} labelled, "
            f"{truth.wrong:,} of them wrong, are too few to choose a threshold. It takes "
            f"{FEWEST_RECORDS}, {FEWEST_WRONG} of them wrong."
        )
    present_cost = truth.cost_per_1000[f"{now:g}"].value
    best_cost = truth.cost_per_1000[f"{best.value:g}"].value
    if truth.change_threshold:
        return (
            f"Set workflow.confidence_threshold = {best.value:g}. For 1,000 pictures like these "
            f"it costs about {best_cost:,.0f} instead of {present_cost:,.0f} at {now:g}. The "
            f"cheapest threshold lies between {best.low:g} and {best.high:g} (95% interval)."
        )
    if best.value == now:
        return f"{keep}: no other threshold is cheaper on these data."
    return (
        f"{keep}: the cheapest on these data is {best.value:g} (95% interval {best.low:g} to "
        f"{best.high:g}), but its saving of {truth.saving_per_1000.value:,.0f} out of "
        f"{present_cost:,.0f} for 1,000 pictures may be chance."
    )


def _when(first: datetime, last: datetime) -> str:
    moments = list(dict.fromkeys(f"{time:%d %b %Y %H:%M}" for time in (first, last)))
    if len(moments) == 1:
        return f"at {moments[0]} UTC"
    return f"between {moments[0]} and {moments[1]} UTC"


def _share(share: Share) -> str:
    return f"{percent(share.value)} ({percent(share.low)} to {percent(share.high)})"
