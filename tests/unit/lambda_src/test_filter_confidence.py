import json
from contextlib import suppress
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given

from lambda_src.shared.events import InvalidEvent
from lambda_src.shared.picture_steps import ClassCountMismatch
from tests.unit.lambda_src.hostile import Mutated, answered, fuzzed, mutated

EVENT = {"s3_bucket": "pictures", "s3_key": "one.png"}


@pytest.fixture
def handler(import_handler: Any) -> ModuleType:
    return imported(import_handler, "status")


def imported(import_handler: Any, style: str) -> ModuleType:
    module: ModuleType = import_handler(
        "filter_confidence",
        CONFIDENCE_THRESHOLD="0.93",
        REJECTION_STYLE=style,
        CLASSES="bicycle,motorcycle",
    )
    return module


@pytest.mark.parametrize(
    ("inferences", "label"), [([0.93, 0.07], "bicycle"), ([0.01, 0.99], "motorcycle")]
)
def test_at_or_above_the_threshold_is_accepted(
    handler: ModuleType, inferences: list[float], label: str
) -> None:
    assert handler.lambda_handler({**EVENT, "inferences": inferences}, None) == {
        "statusCode": 200,
        "body": {
            **EVENT,
            "label": label,
            "confidence": max(inferences),
            "threshold": 0.93,
            "inferences": inferences,
        },
    }


def test_below_the_threshold_is_rejected_with_a_reason(handler: ModuleType) -> None:
    answer = handler.lambda_handler({**EVENT, "inferences": [0.39, 0.61]}, None)

    assert answer["statusCode"] == 406
    assert answer["body"]["label"] == "motorcycle"
    assert answer["body"]["reason"] == (
        "best class motorcycle has confidence 0.610, below the threshold 0.93"
    )


def test_a_rejection_can_be_raised(import_handler: Any) -> None:
    handler = imported(import_handler, "raise")

    assert handler.lambda_handler({**EVENT, "inferences": [0.99, 0.01]}, None)["statusCode"] == 200
    with pytest.raises(handler.ConfidenceThresholdNotMet, match="motorcycle has confidence 0.610"):
        handler.lambda_handler({**EVENT, "inferences": [0.39, 0.61]}, None)


@pytest.mark.parametrize("inferences", [[], [1.0], [0.2, 0.3, 0.5]])
def test_a_model_of_other_classes_is_refused(handler: ModuleType, inferences: list[float]) -> None:
    with pytest.raises(ClassCountMismatch, match=r"s3://pictures/one.png: .*2 classes"):
        handler.lambda_handler({**EVENT, "inferences": inferences}, None)


@pytest.mark.parametrize("style", ["status", "raise"])
@pytest.mark.parametrize(
    ("inferences", "verdict"), [([0.95, 0.05], "Accepted"), ([0.6, 0.4], "Rejected")]
)
def test_each_verdict_is_one_line_of_the_log(
    import_handler: Any,
    capsys: pytest.CaptureFixture[str],
    style: str,
    inferences: list[float],
    verdict: str,
) -> None:
    handler = imported(import_handler, style)

    with suppress(handler.ConfidenceThresholdNotMet):
        handler.lambda_handler({**EVENT, "s3_key": "two\nlines", "inferences": inferences}, None)

    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {
        "verdict": verdict,
        **EVENT,
        "s3_key": "two\nlines",
        "label": "bicycle",
        "confidence": max(inferences),
    }


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"inferences": None}, "inferences is None; expected a list"),
        (
            {"inferences": ["0.9", 0.1]},
            r"inferences is \['0.9', 0.1\]; expected numbers from 0 to 1",
        ),
        ({"inferences": [True, False]}, r"inferences is \[True, False\]; expected numbers"),
        ({"inferences": [float("nan"), 0.1]}, r"inferences is \[nan, 0.1\]; expected numbers"),
        ({"inferences": [10**400, 0.1]}, "inferences is .*; expected numbers"),
        ({"s3_key": None}, "s3_key is None; expected a text"),
    ],
)
def test_an_event_of_other_types_is_named(
    handler: ModuleType, changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidEvent, match=f"^{message}"):
        handler.lambda_handler({**EVENT, "inferences": [0.9, 0.1], **changed}, None)


@fuzzed
@given(event=mutated({**EVENT, "inferences": [0.95, 0.05]}))
def test_any_event_is_judged_or_has_a_named_error(handler: ModuleType, event: Mutated) -> None:
    answer = answered(handler.lambda_handler, event, "InvalidEvent", "ClassCountMismatch")

    if not isinstance(answer, Exception):
        assert answer["statusCode"] == (200 if answer["body"]["confidence"] >= 0.93 else 406)
