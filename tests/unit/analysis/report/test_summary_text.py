"""The sentences of the summary."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from analysis import metrics
from analysis.report import summary_text
from analysis.report.summary import Labelled, LabelledSummary, Summary, summarise_labelled
from analysis.threshold import Costs

START = datetime(2025, 11, 20, 8, 0, tzinfo=UTC)


def share(value: float, records: int) -> metrics.Share:
    """A share of that many records."""
    return metrics.share(np.arange(records) < value * records) or pytest.fail("no records")


def summary(**changes: Any) -> Summary:
    """Of 1,000 predictions of one day."""
    figures: dict[str, Any] = {
        "made": START + timedelta(days=2),
        "captures": "s3://bucket/captures",
        "threshold": 0.93,
        "classes": ("bicycle", "motorcycle"),
        "records": 1000,
        "predictions": 1000,
        "different_pictures": None,
        "first": START,
        "last": START + timedelta(days=1),
        "accepted": share(0.6, 1000),
        "mean_confidence": 0.9,
        "predicted": {"bicycle": 500, "motorcycle": 500},
        "variants": {},
        "skipped": {},
        "left_out": 0,
        "labels_left_out": 0,
        "truth": None,
        "pictures": (),
    }
    return Summary.model_validate({**figures, **changes})


def known(records: int, *, present: float = 0.93) -> LabelledSummary:
    """Of a model whose confidence is the share of its predictions that are right."""
    random = np.random.default_rng(5)
    confidence = random.uniform(0.5, 1, records)
    wrong = (random.random(records) > confidence).astype(np.int64)
    labelled = Labelled(confidence, wrong, np.zeros(records, dtype=np.int64), None)
    choice = labelled.choose_threshold(present=present, costs=Costs())
    return summarise_labelled(labelled, choice, classes=2)


def advice(**changes: Any) -> str:
    return " ".join(summary_text.to_do(summary(**changes)))


def test_what_it_did() -> None:
    said = " ".join(summary_text.did(summary(truth=known(200), different_pictures=998)))

    assert "between 20 Nov 2025 08:00 and 21 Nov 2025 08:00 UTC" in said
    assert "captured 1,000 predictions" in said
    assert "600 of them, 60.0% (56.9% to 63.0%), reached the threshold of 0.93" in said
    assert "400 were rejected" in said
    assert "998 different pictures" in said
    assert "Of the 200 labelled predictions, " in said


def test_it_says_where_the_threshold_comes_from() -> None:
    said = summary_text.did(summary(threshold=0.8, threshold_source="the one deployed in a stack"))

    assert "The threshold of 0.8 is the one deployed in a stack." in said


def test_a_threshold_that_is_not_the_default_is_named_to_the_sample() -> None:
    assert "--threshold 0.8, fill in" in advice(threshold=0.8)


def test_without_a_truth_it_says_how_to_get_one() -> None:
    said = advice(captures="my captures", classes=("bicycle", "motorcycle"))

    command = "Run scones sample 'my captures' --classes bicycle,motorcycle"
    assert f"{command} --count 200, fill in the CSV" in said
    assert "--truth" in said


def test_without_pictures_there_is_nothing_to_label_by_hand() -> None:
    assert "scones sample" in advice(skipped={"records without input": 999})
    said = advice(skipped={"records without input": 999, "records whose input is not a picture": 1})

    assert "scones sample" not in said
    assert "let the endpoint capture its input" in said


def test_few_predictions_and_losses_are_said() -> None:
    assert "99 predictions cannot say much" in advice(predictions=99)
    assert "cannot say much" not in advice(predictions=100)
    assert "1 line of the captures was skipped" in advice(left_out=1)
    assert "2 lines of the labels were skipped" in advice(labels_left_out=2)


def test_no_prediction_is_no_reason_to_judge() -> None:
    nothing = summary(records=0, predictions=0, accepted=None, first=None, last=None)

    assert summary_text.did(nothing) == ["No predictions were captured below s3://bucket/captures."]
    assert ["capture.enabled" in sentence for sentence in summary_text.to_do(nothing)] == [True]
    lost = nothing.model_copy(update={"left_out": 7})
    assert "7 lines of the captures were skipped" in summary_text.to_do(lost)[0]
    silent = summary(predictions=0, accepted=None)
    assert "1,000 captures without output" in summary_text.did(silent)[0]


@pytest.mark.parametrize(
    ("records", "present", "sentence"),
    [
        (20, 0.93, "20 records labelled, "),
        (2000, 0.5, "Set workflow.confidence_threshold = 0."),
        (1000, 0.9, "Keep workflow.confidence_threshold = 0.9"),
    ],
)
def test_what_threshold_to_set(records: int, present: float, sentence: str) -> None:
    truth = known(records, present=present)

    assert sentence in advice(threshold=present, truth=truth)


def test_the_threshold_that_is_set_is_the_cheapest_one() -> None:
    truth = known(2000, present=0.5)
    said = advice(threshold=0.5, truth=truth)

    best = truth.cheapest_threshold
    assert f"confidence_threshold = {best.value:g}." in said
    assert f"between {best.low:g} and {best.high:g} (95% interval)" in said


def test_the_first_report_has_nothing_to_compare_with() -> None:
    assert summary_text.changed(summary(), None) == [
        "There is no previous report. The next one will be compared with this one."
    ]


def changed(now: Summary, before: Summary) -> str:
    return " ".join(summary_text.changed(now, before))


def test_the_same_captures_again() -> None:
    said = changed(summary(), summary())

    assert "It covered the same captures." in said
    assert "The accepted share is unchanged at 60.0%." in said
    assert "The shares of the predicted classes are unchanged." in said


def test_a_later_period_is_compared_with_chance() -> None:
    later = {"first": START + timedelta(days=3), "last": START + timedelta(days=4)}

    worse = summary(accepted=share(0.5, 1000), **later)
    assert "went from 60.0% to 50.0%, more than chance explains" in changed(worse, summary())
    alike = summary(accepted=share(0.61, 1000), **later)
    assert "went from 60.0% to 61.0%, which may be chance" in changed(alike, summary())


def test_overlapping_periods_are_not_compared_with_chance() -> None:
    longer = summary(accepted=share(0.5, 2000), records=2000, last=START + timedelta(days=2))

    assert "the two reports overlap in time" in changed(longer, summary())


def test_another_threshold_makes_shares_incomparable() -> None:
    said = changed(summary(), summary(threshold=0.8))

    assert "The threshold went from 0.8 to 0.93" in said
    assert "The accepted share went" not in said


def test_classes_that_moved_and_other_classes() -> None:
    moved = summary(predicted={"bicycle": 300, "motorcycle": 700})
    assert "The share of bicycle changed most: from 50.0% to 30.0%" in changed(moved, summary())

    other = summary(classes=("car", "bus"), predicted={"car": 1, "bus": 1})
    assert "Its classes were different: car, bus." in changed(summary(), other)


def test_accuracy_is_compared_where_both_know_it() -> None:
    assert "The accuracy went from" in changed(summary(truth=known(100)), summary(truth=known(200)))
    assert "The accuracy went" not in changed(summary(truth=known(100)), summary())


def test_weighted_accuracies_are_told_with_their_intervals_only() -> None:
    truth = known(100).model_copy(update={"weighted": True})
    later = {"first": START + timedelta(days=3), "last": START + timedelta(days=4)}
    said = changed(summary(truth=truth, **later), summary(truth=truth))

    value = f"{truth.accuracy.value:.1%} ({truth.accuracy.low:.1%} to {truth.accuracy.high:.1%})"
    assert f"The accuracy is unchanged at {value}." in said
