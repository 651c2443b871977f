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


LATER = {"first": START + timedelta(days=3), "last": START + timedelta(days=4)}
NOTHING = {"records": 0, "predictions": 0, "accepted": None, "first": None, "last": None}
WEIGHTED = known(100).model_copy(update={"weighted": True})


def interval(share: metrics.Share) -> str:
    return f"{share.value:.1%} ({share.low:.1%} to {share.high:.1%})"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "between 20 Nov 2025 08:00 and 21 Nov 2025 08:00 UTC"),
        ({}, "The endpoint captured 1,000 predictions"),
        ({}, "600 of them, 60.0% (56.9% to 63.0%), reached the threshold of 0.93"),
        ({}, "400 were rejected"),
        ({"different_pictures": 998}, "998 different pictures"),
        ({"truth": known(200)}, "Of the 200 labelled predictions, "),
        ({"truth": WEIGHTED}, "100 labelled predictions, weighted by how they were sampled, "),
        (
            {"threshold": 0.8, "threshold_source": "the one deployed in a stack"},
            "The threshold of 0.8 is the one deployed in a stack.",
        ),
        (NOTHING, "No predictions were captured below s3://bucket/captures."),
        ({"predictions": 0, "accepted": None}, "1,000 captures without output"),
    ],
)
def test_what_the_model_did(changes: dict[str, Any], expected: str) -> None:
    assert expected in " ".join(summary_text.did(summary(**changes)))


@pytest.mark.parametrize(
    ("changes", "expected", "unexpected"),
    [
        ({"predictions": 99}, "99 predictions cannot say much", "capture.enabled"),
        ({"predictions": 100}, "scones sample", "cannot say much"),
        ({"left_out": 1}, "1 line of the captures was skipped", "labels were"),
        ({"labels_left_out": 2}, "2 lines of the labels were skipped", "captures was"),
        (NOTHING | {"left_out": 7}, "7 lines of the captures were skipped", "scones sample"),
        (NOTHING, "capture.enabled", "skipped"),
        (
            {"captures": "my captures"},
            "Run scones sample 'my captures' --classes bicycle,motorcycle --count 200, fill in",
            "--threshold",
        ),
        (
            {
                "classes": ("scone, burnt", "K\u00e4se's"),
                "predicted": {"scone, burnt": 500, "K\u00e4se's": 500},
            },
            """--classes '["scone, burnt","K\\u00e4se'"'"'s"]' --count""",
            "--threshold",
        ),
        ({}, "run this report again with --truth", "let the endpoint capture"),
        ({"threshold": 0.8}, "--threshold 0.8, fill in", "let the endpoint capture"),
        ({"skipped": {"records without input": 999}}, "scones sample", "let the endpoint capture"),
        (
            {"skipped": {"records without input": 999, "records whose input is not a picture": 1}},
            "let the endpoint capture its input",
            "scones sample",
        ),
        ({"truth": known(20)}, "20 records labelled, ", "Set workflow"),
        ({"threshold": 0.5, "truth": known(2000, present=0.5)}, "Set workflow.confidence_", "Keep"),
        ({"threshold": 0.9, "truth": known(1000, present=0.9)}, "Keep workflow.confidence", "Set"),
    ],
)
def test_what_to_do(changes: dict[str, Any], expected: str, unexpected: str) -> None:
    advice = " ".join(summary_text.to_do(summary(**changes)))

    assert expected in advice
    assert unexpected not in advice


def test_the_threshold_to_set_is_the_cheapest_one() -> None:
    truth = known(2000, present=0.5)
    best = truth.cheapest_threshold
    advice = summary_text.threshold_advice(summary(threshold=0.5), truth)

    assert f"confidence_threshold = {best.value:g}." in advice
    assert f"between {best.low:g} and {best.high:g} (95% interval)" in advice


def test_the_first_report_has_nothing_to_compare_with() -> None:
    assert summary_text.changed(summary(), None) == [
        "There is no previous report. The next one will be compared with this one."
    ]


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        ({}, {}, "It covered the same captures."),
        ({}, {}, "The accepted share is unchanged at 60.0%."),
        ({}, {}, "The mean confidence is unchanged at 0.900."),
        ({"mean_confidence": 0.8}, {}, "The mean confidence went from 0.900 to 0.800."),
        ({}, {}, "The shares of the predicted classes are unchanged."),
        (LATER | {"accepted": share(0.5, 1000)}, {}, "to 50.0%, more than chance explains"),
        (LATER | {"accepted": share(0.64, 1000)}, {}, "to 64.0%, which may be chance"),
        (
            {"accepted": share(0.5, 2000), "records": 2000, "last": START + timedelta(days=2)},
            {},
            "the two reports overlap in time",
        ),
        ({}, {"threshold": 0.8}, "The threshold went from 0.8 to 0.93"),
        (
            {"predicted": {"bicycle": 300, "motorcycle": 700}},
            {},
            "bicycle changed most: from 50.0% to 30.0%",
        ),
        ({"truth": known(100)}, {"truth": known(200)}, "The accuracy went from"),
        (
            LATER | {"truth": WEIGHTED},
            {"truth": known(200)},
            f"The accuracy went from {interval(known(200).accuracy)} to "
            f"{interval(WEIGHTED.accuracy)}.",
        ),
    ],
)
def test_what_changed(now: dict[str, Any], before: dict[str, Any], expected: str) -> None:
    assert expected in " ".join(summary_text.changed(summary(**now), summary(**before)))


def test_what_cannot_be_compared_is_not() -> None:
    other_threshold = summary_text.changed(summary(), summary(threshold=0.8))
    unlabelled = summary_text.changed(summary(truth=known(100)), summary())
    other_classes = summary_text.changed(
        summary(**LATER, accepted=share(0.1, 1000)),
        summary(classes=("car", "bus"), predicted={"car": 1, "bus": 1}),
    )

    assert not any(sentence.startswith("The accepted share") for sentence in other_threshold)
    assert not any(sentence.startswith("The accuracy") for sentence in unlabelled)
    assert other_classes[-1] == "Its classes were different, so nothing else can be compared."
