from collections import Counter
from types import ModuleType, SimpleNamespace

import pytest

from lambda_src.shared.picture_steps import InvalidPrediction
from tests.unit.lambda_src import objects
from tests.unit.lambda_src.classify_batch.batch import (
    BAD,
    GOOD,
    Endpoint,
    Poison,
    classify,
    event,
    failing_after,
    part,
    put_numbered,
    red_of,
    the_only_part,
)


def test_one_picture_that_the_model_fails_for_is_one_failed_line_of_hundreds(
    handler: ModuleType, poison: Poison
) -> None:
    rows = ["good.png"] * 150 + ["bad.png"] + ["good.png"] * 149

    answers = [
        classify(handler, *rows[first : first + 100], first=first) for first in range(0, 300, 100)
    ]

    counts = sum((Counter(each["counts"]) for each in answers), Counter())
    assert counts == {"accepted": 299, "failed": 1}
    lines = [line for each in answers for line in part(each)]
    assert [line["index"] for line in lines] == list(range(300))
    (bad,) = (line for line in lines if line["status"] == "failed")
    assert bad == {
        "index": 150,
        "key": "bad.png",
        "status": "failed",
        "error": "ModelFailed",
        "reason": "s3://pictures/bad.png: model of scones-dev answered 500: cannot decode; the "
        "model failed 4 times, and answered for another picture in between",
    }
    assert poison.asked[BAD] == 4
    assert poison.asked[GOOD] == 299


@pytest.mark.parametrize("rows", [["good.png", "bad.png"], ["bad.png"]], ids=["a resume", "alone"])
def test_a_picture_needs_no_other_of_its_batch_to_be_found_out(
    handler: ModuleType, poison: Poison, rows: list[str]
) -> None:
    """Of a batch of one, or where all others were finished by an earlier call."""
    first, again = classify(handler, *rows), classify(handler, *rows)

    assert first == again
    assert first["counts"]["failed"] == 1
    assert poison.asked[GOOD] == len(rows) - 1
    poison.reds = set()
    assert classify(handler, *rows)["counts"] == {"accepted": len(rows)}


def test_a_model_that_fails_once_is_asked_again(
    handler: ModuleType, endpoint: Endpoint, poison: Poison
) -> None:
    def answer(picture: bytes) -> bytes:
        reply = poison.answer(picture)
        if red_of(picture) == GOOD and poison.asked[GOOD] == 1:
            raise poison.fault(503)
        return reply

    endpoint.answer = answer

    assert classify(handler, "good.png")["counts"] == {"accepted": 1}


def test_a_model_that_fails_for_every_picture_is_the_endpoints_fault(
    handler: ModuleType, endpoint: Endpoint, poison: Poison, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = put_numbered(5)
    failing_after(endpoint, 0, poison.fault())
    pauses: list[float] = []
    monkeypatch.setattr(handler, "PAUSES", (8, 8, 8, 8))
    monkeypatch.setattr(handler.time, "sleep", pauses.append)

    with pytest.raises(handler.BatchUnfinished, match="5 of 5 pictures are left over: .*decode"):
        classify(handler, *rows)

    assert objects.keys("artifacts") == []
    # Each picture once; then whether the model answers at all, and no picture more.
    assert endpoint.calls == len(rows) + len(pauses)
    # Other batches do not ask in step.
    assert len(set(pauses)) == 4
    assert 4 <= min(pauses) < max(pauses) <= 12


def test_nonsense_for_one_picture_is_a_failed_line_too(
    handler: ModuleType, endpoint: Endpoint, poison: Poison
) -> None:
    endpoint.answer = lambda picture: (
        b"[NaN, NaN]" if red_of(picture) == BAD else endpoint.by_colour(picture)
    )

    _, bad = part(classify(handler, "good.png", "bad.png"))

    assert bad["error"] == "ModelFailed"
    assert "answered b'[NaN, NaN]'; expected a JSON list" in bad["reason"]
    endpoint.answer = lambda _: b"<html>"
    with pytest.raises(InvalidPrediction, match="answered b'<html>'"):
        classify(handler, "good.png")


def test_a_model_that_comes_back_slowly_is_waited_for(
    handler: ModuleType, endpoint: Endpoint, poison: Poison
) -> None:
    """A picture that kills the model's process: the others must not be blamed for it."""
    down = 0

    def answer(picture: bytes) -> bytes:
        nonlocal down
        if down:
            down -= 1
            raise poison.fault(503)
        if red_of(picture) == BAD:
            down = 3
        return poison.answer(picture)

    endpoint.answer = answer
    rows = put_numbered(9)

    lines = part(classify(handler, "bad.png", *rows))

    assert [line["status"] for line in lines] == ["failed"] + ["accepted"] * 9


def test_with_little_time_left_no_picture_is_blamed(handler: ModuleType, poison: Poison) -> None:
    short = SimpleNamespace(
        get_remaining_time_in_millis=lambda: 0 if poison.asked[BAD] else 300_000
    )

    with pytest.raises(handler.BatchUnfinished, match="1 of 2 pictures are left over"):
        handler.lambda_handler(event("good.png", "bad.png"), short)

    assert [line["status"] for line in the_only_part()] == ["accepted"]
    assert poison.asked[BAD] == 1
