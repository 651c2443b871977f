import json
from contextlib import suppress
from types import ModuleType

import pytest
from hypothesis import given

from lambda_src.shared import class_names
from lambda_src.shared.picture_steps import ClassCountMismatch
from tests.class_names import HOSTILE
from tests.unit.lambda_src.conftest import ImportHandler
from tests.unit.lambda_src.events import PICTURE
from tests.unit.lambda_src.hostile import Mutated, answered, fuzzed, mutated


@pytest.fixture
def handler(import_handler: ImportHandler) -> ModuleType:
    return import_handler("filter_confidence")


@pytest.mark.parametrize(
    ("inferences", "label"), [([0.93, 0.07], "bicycle"), ([0.01, 0.99], "motorcycle")]
)
def test_at_or_above_the_threshold_is_accepted(
    handler: ModuleType, inferences: list[float], label: str
) -> None:
    assert handler.lambda_handler({**PICTURE, "inferences": inferences}, None) == {
        "statusCode": 200,
        "body": {
            **PICTURE,
            "label": label,
            "confidence": max(inferences),
            "threshold": 0.93,
            "inferences": inferences,
        },
    }


@pytest.mark.parametrize("position", range(len(HOSTILE)))
def test_class_names_may_be_any(import_handler: ImportHandler, position: int) -> None:
    handler = import_handler("filter_confidence", CLASSES=class_names.encode(HOSTILE))
    inferences = [float(each == position) for each in range(len(HOSTILE))]

    answer = handler.lambda_handler({**PICTURE, "inferences": inferences}, None)

    assert answer["body"]["label"] == HOSTILE[position]


def test_below_the_threshold_is_rejected_with_a_reason(import_handler: ImportHandler) -> None:
    reason = "best class motorcycle has confidence 0.610, below the threshold 0.93"
    event = {**PICTURE, "inferences": [0.39, 0.61]}

    answer = import_handler("filter_confidence").lambda_handler(event, None)

    assert answer["statusCode"] == 406
    assert (answer["body"]["label"], answer["body"]["reason"]) == ("motorcycle", reason)
    raising = import_handler("filter_confidence", REJECTION_STYLE="raise")
    with pytest.raises(raising.ConfidenceThresholdNotMet, match=f"^{reason}$"):
        raising.lambda_handler(event, None)


@pytest.mark.parametrize("inferences", [[], [1.0], [0.2, 0.3, 0.5]])
def test_a_model_of_other_classes_is_refused(handler: ModuleType, inferences: list[float]) -> None:
    with pytest.raises(ClassCountMismatch, match=r"s3://pictures/one.png: .*2 classes"):
        handler.lambda_handler({**PICTURE, "inferences": inferences}, None)


@pytest.mark.parametrize("style", ["status", "raise"])
@pytest.mark.parametrize(("confidence", "verdict"), [(0.95, "Accepted"), (0.6, "Rejected")])
def test_each_verdict_is_one_line_of_the_log(
    import_handler: ImportHandler,
    capsys: pytest.CaptureFixture[str],
    style: str,
    confidence: float,
    verdict: str,
) -> None:
    handler = import_handler("filter_confidence", REJECTION_STYLE=style)
    picture = {**PICTURE, "s3_key": "two\nlines"}

    with suppress(handler.ConfidenceThresholdNotMet):
        handler.lambda_handler({**picture, "inferences": [confidence, 1 - confidence]}, None)

    (line,) = capsys.readouterr().out.splitlines()
    expected = {"verdict": verdict, **picture, "label": "bicycle", "confidence": confidence}
    assert json.loads(line) == expected


@fuzzed
@given(event=mutated({**PICTURE, "inferences": [0.95, 0.05]}))
def test_any_event_is_judged_or_has_a_named_error(handler: ModuleType, event: Mutated) -> None:
    answer = answered(handler.lambda_handler, event, "InvalidEvent", "ClassCountMismatch")

    if not isinstance(answer, Exception):
        assert answer["statusCode"] == (200 if answer["body"]["confidence"] >= 0.93 else 406)
