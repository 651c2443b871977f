"""The figures in plain words: what the model did, what changed, what to do."""

import shlex
from datetime import datetime

from scipy.stats import fisher_exact

from analysis.metrics import Share
from analysis.plots.style import counted, percent
from analysis.report.summary import Summary, TruthFigures
from analysis.skips import Kind
from analysis.threshold import FEWEST_RECORDS, FEWEST_WRONG
from operations.deployed import DEFAULT_THRESHOLD

UNKNOWN = (
    "How many predictions are right is not known: confidence cannot tell, since a model can be "
    "confidently wrong."
)
FEW_PREDICTIONS = 100
CHANCE = 0.01
"""A difference that chance alone makes less often than this is called more than chance."""


def did(summary: Summary) -> list[str]:
    """What the model did."""
    if summary.accepted is None:
        return [
            f"No prediction was captured below {summary.captures}."
            if not summary.records
            else f"{counted(summary.records, 'capture')} hold no output, so that there is no "
            "prediction to report on."
        ]
    assert summary.first is not None  # there are records
    assert summary.last is not None
    accepted = round(summary.accepted.value * summary.predictions)
    sentences = [
        f"{_when(summary.first, summary.last)} the model made "
        f"{counted(summary.predictions, 'captured prediction')}.",
        f"{accepted:,} of them, {_share(summary.accepted)}, reached the threshold of "
        f"{summary.threshold:g} and were accepted; {summary.predictions - accepted:,} did not, and "
        "were left to a person.",
    ]
    if summary.threshold_source:
        sentences.append(f"The threshold of {summary.threshold:g} is {summary.threshold_source}.")
    different = summary.different_pictures
    if different and different < summary.records:
        sentences.append(
            f"They show {counted(different, 'different picture')}; one that was sent twice counts "
            "twice."
        )
    if summary.truth:
        sentences += _right(summary.truth)
    if len(summary.variants) > 1:
        sentences.append(
            f"The captures come from {len(summary.variants)} variants; all figures are over all "
            "of them, and a table shows them one by one."
        )
    return sentences


def _right(truth: TruthFigures) -> list[str]:
    how = ", weighted as they were sampled" if truth.weighted else ""
    sentences = [
        f"Of {counted(truth.records, 'prediction')} whose truth is known{how}, "
        f"{_share(truth.accuracy)} were right."
    ]
    among = truth.accuracy_among_accepted
    if among:
        sentences.append(f"Among the accepted ones, {_share(among)} were right.")
    return sentences


def changed(now: Summary, before: Summary | None) -> list[str]:
    """What changed since the last report."""
    if before is None:
        return ["There is no earlier report to compare with; the next one compares with this."]
    sentences = [f"The last report was made on {before.made:%d %b %Y %H:%M} UTC."]
    if (now.records, now.first, now.last) == (before.records, before.first, before.last):
        sentences.append("It had the same captures.")
    else:
        sentences.append(
            f"It had {counted(before.records, 'record')}, this one has {now.records:,}."
        )
    if now.classes != before.classes:
        sentences.append(f"Its classes were others: {', '.join(before.classes)}.")
    if now.threshold != before.threshold:
        sentences.append(
            f"The threshold was {before.threshold:g} and is {now.threshold:g}: the shares that "
            "are accepted cannot be compared."
        )
    elif now.accepted and before.accepted:
        sentences.append(_moved("The share accepted", now.accepted, before.accepted, now, before))
    if now.mean_confidence is not None and before.mean_confidence is not None:
        sentences.append(
            f"The mean confidence was {before.mean_confidence:.3f} and is "
            f"{now.mean_confidence:.3f}."
        )
    if now.classes == before.classes:
        sentences += _moved_classes(now, before)
    if now.truth and before.truth:
        new, old = now.truth.accuracy, before.truth.accuracy
        if now.truth.weighted or before.truth.weighted:
            sentences.append(f"The accuracy was {_share(old)} and is {_share(new)}.")
        else:
            sentences.append(_moved("The accuracy", new, old, now, before))
    return sentences


def _moved_classes(now: Summary, before: Summary) -> list[str]:
    if not now.predictions or not before.predictions:
        return []
    shares = {
        name: (before.predicted[name] / before.predictions, count / now.predictions)
        for name, count in now.predicted.items()
    }
    name, (old, new) = max(shares.items(), key=lambda item: abs(item[1][1] - item[1][0]))
    if round(old, 3) == round(new, 3):
        return ["The predicted classes have the same shares."]
    return [f"Of the classes, {name} moved most: from {percent(old)} to {percent(new)}."]


def _moved(what: str, new: Share, old: Share, now: Summary, before: Summary) -> str:
    if percent(old.value) == percent(new.value):
        return f"{what} is {percent(new.value)}, as it was."
    said = f"{what} was {percent(old.value)} and is {percent(new.value)}"
    if not (now.first and before.last and now.first > before.last):
        return f"{said}; both reports cover some of the same time."
    table = [
        [round(each.value * each.records), each.records - round(each.value * each.records)]
        for each in (new, old)
    ]
    if fisher_exact(table).pvalue < CHANCE:
        return f"{said}: more than chance explains."
    return f"{said}, which may be chance."


def to_do(summary: Summary) -> list[str]:
    """What to do, the most urgent first."""
    advice = []
    for count, of in ((summary.left_out, "captures"), (summary.labels_left_out, "ground truth")):
        if count:
            advice.append(
                f"{counted(count, 'line')} of the {of} {'was' if count == 1 else 'were'} left "
                "out: the section “Not used” says which, and why."
            )
    if not summary.predictions:
        advice.append(
            "See whether the endpoint was called, whether capture.enabled is true and captures "
            "output, and whether the location is right; captures appear some minutes after a call."
        )
        return advice
    if summary.truth:
        advice.append(threshold_advice(summary, summary.truth))
    else:
        advice.append(f"{UNKNOWN} {_how_to_know(summary)} The threshold can be judged only then.")
    if summary.predictions < FEW_PREDICTIONS:
        advice.append(
            f"{counted(summary.predictions, 'prediction')} cannot say much: read the intervals, "
            "not the shares alone, and look again when there are some hundreds."
        )
    return advice


def _how_to_know(summary: Summary) -> str:
    without = (Kind.NO_INPUT, Kind.NO_PICTURE)
    if sum(summary.skipped.get(kind.value, 0) for kind in without) >= summary.records:
        return (
            "The captures hold no pictures to label by hand: let the endpoint capture its input, "
            "too, or give labels by event id with --truth."
        )
    count = min(FEWEST_RECORDS, summary.predictions)
    classes = ",".join(summary.classes)
    arguments = [summary.captures, "--classes", classes, "--count", str(count)]
    if summary.threshold != DEFAULT_THRESHOLD:
        arguments += ["--threshold", f"{summary.threshold:g}"]
    return (
        f"Run {shlex.join(['scones', 'sample', *arguments])}, fill in the CSV it "
        "writes, and run this report again with --truth."
    )


def threshold_advice(summary: Summary, truth: TruthFigures) -> str:
    """A plain sentence on what to set, or that the data cannot tell."""
    now, best = summary.threshold, truth.cheapest_threshold
    if not truth.enough_to_choose:
        return (
            f"Which threshold is best cannot be told yet: {counted(truth.records, 'record')} with "
            f"a known truth, {truth.wrong:,} of them wrong, where {FEWEST_RECORDS} and "
            f"{FEWEST_WRONG} are needed. Leave workflow.confidence_threshold = {now:g}, and have "
            "more pictures labelled."
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
        return f"Leave workflow.confidence_threshold = {now:g}: no other threshold is cheaper here."
    return (
        f"Leave workflow.confidence_threshold = {now:g}: the cheapest here would be "
        f"{best.value:g} (95% interval {best.low:g} to {best.high:g}), but that it saves "
        f"{truth.saving_per_1000.value:,.0f} of {present_cost:,.0f} for 1,000 pictures may be "
        "chance."
    )


def _when(first: datetime, last: datetime) -> str:
    moments = list(dict.fromkeys(f"{time:%d %b %Y %H:%M}" for time in (first, last)))
    if len(moments) == 1:
        return f"In the minute of {moments[0]} UTC"
    return f"Between {moments[0]} and {moments[1]} UTC"


def _share(share: Share) -> str:
    return f"{percent(share.value)} ({percent(share.low)} to {percent(share.high)})"
