import json
import re
from collections.abc import Sequence
from typing import Any

import pytest

from lambda_src.shared import class_names
from stacks.constructs.common import picture_results as results
from stacks.constructs.common.jsonata import INPUT_IS_USABLE, PROBLEM
from tests.infrastructure.expressions.evaluation import evaluate

IMAGE = {"s3_bucket": "pictures", "s3_key": "one.png"}
JUDGED = {**IMAGE, "label": "bicycle", "confidence": 0.99, "threshold": 0.93}
REASON = "best class bicycle has confidence 0.600, below the threshold 0.93"

FEW, MANY = ("bicycle", "motorcycle"), tuple(f"class {n}" for n in range(100))
LONGEST_NAMES = ("x" * 64, "\u534a" * 64)  # in characters, and in bytes
CLASSES = {
    "two": FEW,
    "three": ("a", "b", "c"),
    "four": ("a", "b", "c", "d"),
    "many": MANY,
    "not listed": (),
    "long": ("scone", LONGEST_NAMES[0]),
    "longest": (*LONGEST_NAMES, *MANY),
}

# The longest name of a bucket, and keys of the most bytes that S3 takes.
BUCKET = "b" * 63
LONGEST_KEYS = {
    "ASCII": "k" * 1024,
    "escaped": '"' * 1024,
    "control": "\x01" * 1024,
    "two bytes": "\u00fc" * 512,
    "three bytes": "\u20ac" * 341,
    "four bytes": "\U0001f600" * 256,
}
FILLS = ("x", '"', "\x01", "\u20ac", "\U0001f600")


def judge(answer: Any, *, classes: Sequence[str] = FEW, given: Any = None) -> dict[str, Any]:
    """Return the result of a picture for which filter_confidence answers so."""
    given = {**IMAGE, "inferences": [0.99, 0.01]} if given is None else given
    states = {"input": given, "result": {"Payload": answer}}
    result: dict[str, Any] = evaluate(results.judged(classes), states)
    return result


def fail(error: str, cause: str, *, given: Any = IMAGE) -> dict[str, Any]:
    """Return the result of a picture that ended in this error."""
    states = {"input": given, "errorOutput": {"Error": error, "Cause": cause}}
    result: dict[str, Any] = evaluate(results.FAILED, states)
    return result


def read(event: Any, *, classes: Sequence[str] = FEW) -> dict[str, Any]:
    """Return what the first state makes of an execution's input."""
    read_: dict[str, Any] = evaluate(results.read_input(classes), {"input": event})
    return read_


def state_bytes(value: Any) -> int:
    """Return the bytes of a state that is this value."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


# --- one picture ---------------------------------------------------------------------------------


def test_an_accepted_picture_has_what_the_filter_says() -> None:
    assert judge({"statusCode": 200, "body": JUDGED}) == {
        "verdict": "accepted",
        "statusCode": 200,
        "body": {**JUDGED, "inferences": [0.99, 0.01]},
    }


def test_a_rejected_picture_has_the_reason() -> None:
    answer = {"statusCode": 406, "body": {**JUDGED, "reason": REASON}}

    assert judge(answer) == {
        "verdict": "rejected",
        "statusCode": 406,
        "body": {**JUDGED, "inferences": [0.99, 0.01], "reason": REASON},
    }


@pytest.mark.parametrize("classes", [FEW, ()], ids=["listed", "not listed"])
def test_a_raised_rejection_has_the_reason_of_the_error(classes: Sequence[str]) -> None:
    error = {"errorType": "ConfidenceThresholdNotMet", "errorMessage": REASON}
    states = {
        "input": {**IMAGE, "inferences": [0.6, 0.4]},
        "errorOutput": {"Error": error["errorType"], "Cause": json.dumps(error)},
    }

    assert evaluate(results.raised(classes), states) == {
        "verdict": "rejected",
        "statusCode": 406,
        "body": {**IMAGE, "inferences": [0.6, 0.4], "reason": REASON},
    }


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize(("count", "kept"), [(3, True), (4, False)])
def test_probabilities_of_many_classes_are_left_out(count: int, kept: bool, listed: bool) -> None:
    inferences = [1 / count] * count
    answer = {"statusCode": 200, "body": {**JUDGED, "inferences": inferences}}
    classes = [f"class {n}" for n in range(count if listed else 0)]

    body = judge(answer, classes=classes, given={**IMAGE, "inferences": inferences})["body"]

    assert body == {**JUDGED, **({"inferences": inferences} if kept else {})}


@pytest.mark.parametrize("label", [*LONGEST_NAMES, "scone, burnt", '"<b>$&', "\u534a\u713c\u3051"])
def test_a_label_is_whole_and_a_long_one_takes_the_room_of_the_rest(label: str) -> None:
    reason = f"{REASON} ".ljust(results.MAX_REASON, "x")
    answer = {"statusCode": 406, "body": {**JUDGED, "label": label, "reason": reason}}

    body = judge(answer, classes=[label, LONGEST_NAMES[0]])["body"]

    room = results.MAX_LABEL + results.MAX_REASON - class_names.longest([label])
    assert body["label"] == label
    assert reason.startswith(body["reason"])
    assert len(body["reason"]) >= 0.85 * min(room, results.MAX_REASON)
    assert ("inferences" in body) == (room >= 0)


@pytest.mark.parametrize("body", ['{"inferences": [0.9, 0.1]}', None, [1], {"image_data": "x"}])
def test_other_filters_decide_by_their_status(body: Any) -> None:
    expected = {**IMAGE, "inferences": [0.99, 0.01]}

    assert judge({"statusCode": 200, "body": body})["body"] == expected
    assert judge({"statusCode": 403, "body": body})["verdict"] == "rejected"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ("ImageNotFound", 404),
        ("ImageEmpty", 422),
        ("States.Timeout", 500),
        ("constructor", 500),  # a member of every object in JavaScript
    ],
)
def test_a_failed_picture_has_the_status_of_its_error(error: str, status: int) -> None:
    assert fail(error, '{"errorMessage": "s3://pictures/one.png: why"}') == {
        "verdict": "failed",
        "statusCode": status,
        "error": error,
        "cause": "s3://pictures/one.png: why",
        "body": IMAGE,
    }


@pytest.mark.parametrize("given", [{}, None, "one.png", [1], {"s3_bucket": 5, "s3_key": {"a": 1}}])
def test_a_failed_picture_without_bucket_and_key_has_none(given: Any) -> None:
    assert fail("InvalidImageReference", "s3_key is None", given=given)["body"] == {}


# --- all of them ---------------------------------------------------------------------------------


def test_of_an_image_only_bucket_and_key_are_carried() -> None:
    event = {"image_data": "", "inferences": [], **IMAGE}

    assert read(event) == read({"images": [event]}) == {"images": [IMAGE]}
    assert read({"images": []}) == {"images": []}


def test_what_is_no_image_fails_on_its_own() -> None:
    assert read({"images": ["one.png", None, [IMAGE], IMAGE]}) == {"images": [{}, {}, {}, IMAGE]}


def test_other_inputs_than_a_list_are_refused() -> None:
    read_ = read({"images": "one.png"})

    assert evaluate(INPUT_IS_USABLE, {"input": read_}) is False
    said = evaluate(PROBLEM, {"input": read_})
    assert said == "images is of type string; expected a list of {s3_bucket, s3_key}"


def test_too_many_images_are_refused_with_the_path_for_thousands() -> None:
    said = read({"images": [{}] * (results.MAX_IMAGES + 1)})["problem"]

    assert said.startswith("501 images; an execution takes at most 500: ")
    assert "scones classify" in said


@pytest.mark.parametrize("classes", CLASSES)
@pytest.mark.parametrize(
    ("bucket", "key"), [(BUCKET, "k" * 55), (BUCKET[:45], "F\u00fc\u00dfe/" * 11)]
)
def test_ordinary_keys_leave_room_for_all_images(bucket: str, key: str, classes: str) -> None:
    images = [{"s3_bucket": bucket, "s3_key": key}] * results.MAX_IMAGES
    if classes == "longest":
        images = images[: results.MAX_IMAGES * 7 // 10]

    assert read({"images": images}, classes=CLASSES[classes]) == {"images": images}


@pytest.mark.parametrize(
    ("keys", "classes"),
    [
        *((keys, "not listed") for keys in LONGEST_KEYS),
        *(("ASCII", classes) for classes in CLASSES),
    ],
)
def test_the_longest_results_of_an_accepted_input_fit(keys: str, classes: str) -> None:
    image, names = {"s3_bucket": BUCKET, "s3_key": LONGEST_KEYS[keys]}, CLASSES[classes]
    images = [image] * most_accepted(image, names)
    texts = [fill * 5000 for fill in FILLS]
    labels = [*texts, *("x" * length for length in (33, 129, 130)), *names[:2]]
    given = {**image, "inferences": [1.2345678901234567e-05] * (len(names) or 3)}
    answers = [
        {"statusCode": 406, "body": {**JUDGED, "label": label, "reason": text}}
        for label in labels
        for text in texts[:2]
    ]

    longest = max(
        *(judge(answer, classes=names, given=given) for answer in answers),
        *(fail(text, json.dumps({"errorMessage": text}), given=image) for text in texts),
        key=state_bytes,
    )

    output = evaluate(results.RESULTS, {"result": [longest] * len(images)})
    assert len(output["results"]) == len(images)
    assert state_bytes(output) <= results.MAX_STATE_BYTES


def most_accepted(image: dict[str, str], classes: Sequence[str]) -> int:
    """Return how many images like this an execution takes; one more is refused in words."""
    problem = read({"images": [image] * results.MAX_IMAGES}, classes=classes)["problem"]
    assert problem.startswith(f"{results.MAX_IMAGES} images with these buckets and keys; ")
    assert "scones classify" in problem
    needed, limit = map(int, re.findall(r"(\d+)(?: bytes|:)", problem))
    assert limit == 262_144
    of_each = (needed - results.ENVELOPE_BYTES) // results.MAX_IMAGES
    most = (limit - results.ENVELOPE_BYTES) // of_each
    assert "images" in read({"images": [image] * most}, classes=classes)
    assert "problem" in read({"images": [image] * (most + 1)}, classes=classes)
    return most


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("length", [1, 239, 240, 241, 5000])
def test_a_cause_is_cut_no_shorter_than_it_has_to_be(fill: str, length: int) -> None:
    cause = fail("E", f"{fill * length}")["cause"]

    assert (fill * length).startswith(cause)
    assert state_bytes(cause) - 2 <= results.MAX_CAUSE
    assert len(cause) == length or len(cause) >= results.MAX_CAUSE / 6 * 0.85
