import io
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws
from PIL import Image

from lambda_src.shared.bulk_parts import json_lines, part_key
from lambda_src.shared.picture_steps import InvalidPrediction
from tests.unit.lambda_src import objects
from tests.unit.lambda_src.conftest import ImportHandler
from tests.unit.lambda_src.hostile import (
    DAMAGED_LINES,
    Mutated,
    answered,
    as_json,
    fuzzed_with_objects,
    mutated,
)

ENOUGH = SimpleNamespace(get_remaining_time_in_millis=lambda: 300_000)
GOOD, UNSURE, BAD = 255, 128, 7
"""Red of pictures: the model is sure of the first, and `Poison` fails for the last."""

Answer = Callable[[bytes], bytes]


def red_of(picture: bytes) -> int:
    red, *_ = Image.open(io.BytesIO(picture)).convert("RGB").tobytes()
    return red


class Endpoint:
    """Answers by the picture's colour, and counts."""

    def __init__(self) -> None:
        self.calls = 0
        self.answer: Answer = self.by_colour

    def by_colour(self, picture: bytes) -> bytes:
        red = red_of(picture)
        return json.dumps([red / 255, 1 - red / 255]).encode()

    def invoke_endpoint(self, *, Body: bytes, **_: Any) -> dict[str, Any]:
        self.calls += 1
        return {"Body": io.BytesIO(self.answer(Body))}


@pytest.fixture
def handler(import_handler: ImportHandler, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    with mock_aws():
        for bucket in ("pictures", "artifacts"):
            objects.s3().create_bucket(Bucket=bucket)
        imported = import_handler("classify_batch")
        monkeypatch.setattr(imported, "PAUSES", (0,) * len(imported.PAUSES))
        yield imported


@pytest.fixture
def endpoint(handler: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    fake = Endpoint()
    monkeypatch.setattr(handler.runtime, "invoke_endpoint", fake.invoke_endpoint)
    return fake


def put(*keys: str, red: int = GOOD) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), (red, 0, 0)).save(buffer, "PNG")
    for key in keys:
        objects.put("pictures", key, buffer.getvalue())


def event(*rows: Any, first: int = 0) -> dict[str, Any]:
    items = [{"index": first + number, "item": row} for number, row in enumerate(rows)]
    return {"BatchInput": {"results": "bulk/run"}, "Items": items}


def classify(handler: ModuleType, *rows: Any, first: int = 0) -> dict[str, Any]:
    answer: dict[str, Any] = handler.lambda_handler(event(*rows, first=first), ENOUGH)
    return answer


def part(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return objects.lines("artifacts", answer["part"])


def the_only_part() -> list[dict[str, Any]]:
    (key,) = objects.keys("artifacts")
    return objects.lines("artifacts", key)


# --- lines ---------------------------------------------------------------------------------------


def test_each_picture_gets_one_line_in_order(
    handler: ModuleType, endpoint: Endpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    put("sure.png")
    put("unsure.png", red=UNSURE)
    objects.put("pictures", "note.txt", b"hello")
    rows = ["sure.png", "unsure.png", "note.txt", "gone.png", {"name": "x"}, "sure.png"]

    answer = classify(handler, *rows, "\ud800.png", first=40)

    assert capsys.readouterr().out == ""  # and none in the log
    assert answer["first"] == 40
    assert answer["counts"] == {"accepted": 2, "rejected": 1, "failed": 4}
    lines = part(answer)
    assert [line["index"] for line in lines] == list(range(40, 47))
    assert [(line["key"], line["status"], line.get("error")) for line in lines] == [
        ("sure.png", "accepted", None),
        ("unsure.png", "rejected", None),
        ("note.txt", "failed", "NotAnImage"),
        ("gone.png", "failed", "ImageNotFound"),
        (None, "failed", "InvalidImageReference"),
        ("sure.png", "accepted", None),
        ("\ud800.png", "failed", "InvalidImageReference"),
    ]
    assert lines[0] == {
        "index": 40,
        "key": "sure.png",
        "status": "accepted",
        "label": "bicycle",
        "confidence": 1.0,
        "inferences": [1.0, 0.0],
    }
    assert "below the threshold" in lines[1]["reason"]
    assert "s3://pictures/gone.png" in lines[3]["reason"]
    assert "row 45 of the manifest is {'name': 'x'}" in lines[4]["reason"]


def test_empty_folders_of_the_console_are_no_failed_pictures(
    handler: ModuleType, endpoint: Endpoint
) -> None:
    put("not empty/")
    for key in ("week 28/", "empty.png"):
        objects.put("pictures", key, b"")

    answer = classify(handler, "week 28/", "not empty/", "empty.png", "gone/")

    assert answer["counts"] == {"folder": 1, "accepted": 1, "failed": 2}
    assert part(answer)[0] == {"index": 0, "key": "week 28/", "status": "folder"}


@pytest.mark.parametrize(
    ("quoted", "line"), [(True, ("=1+1.png", "accepted")), (False, ("'=1+1.png", "failed"))]
)
def test_a_quoted_key_is_that_of_predictions_csv(
    handler: ModuleType, endpoint: Endpoint, quoted: bool, line: tuple[str, str]
) -> None:
    put("=1+1.png")
    given_event = event("'=1+1.png")
    given_event["Items"][0]["quoted"] = quoted

    (written,) = part(handler.lambda_handler(given_event, ENOUGH))

    assert (written["key"], written["status"]) == line


# --- calls again ---------------------------------------------------------------------------------


def test_what_is_finished_before_the_process_dies_is_not_classified_again(
    handler: ModuleType, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f"{number}.png" for number in range(20)]
    put(*rows)
    put("10.png", red=BAD)
    monkeypatch.setattr(handler, "SAVE_SECONDS", 0)

    class Killed(BaseException): ...

    def kill(picture: bytes) -> bytes:
        if red_of(picture) == BAD:
            raise Killed
        return endpoint.by_colour(picture)

    endpoint.answer = kill
    with pytest.raises(Killed):
        classify(handler, *rows)
    endpoint.answer, endpoint.calls = endpoint.by_colour, 0

    answer = classify(handler, *rows)

    assert endpoint.calls == 10
    assert [line["key"] for line in part(answer)] == rows


def test_what_is_finished_is_not_paid_for_twice(handler: ModuleType, endpoint: Endpoint) -> None:
    put("one.png")
    objects.put("pictures", "two.png", b"not yet a picture")
    first = classify(handler, "one.png", "two.png")
    put("two.png", red=0)

    second, third = (classify(handler, "one.png", "two.png") for _ in range(2))

    assert first["part"] == second["part"] == third["part"]
    assert [line["status"] for line in part(second)] == ["accepted", "accepted"]
    assert second["counts"] == third["counts"] == {"accepted": 2}
    assert endpoint.calls == 2


def failing_after(endpoint: Endpoint, calls: int, fault: Exception) -> None:
    def answer(picture: bytes) -> bytes:
        if endpoint.calls > calls:
            raise fault
        return endpoint.by_colour(picture)

    endpoint.answer = answer


def client_error(code: str, status: int) -> ClientError:
    return ClientError(
        {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]  # as much as is read
        "InvokeEndpoint",
    )


@pytest.mark.parametrize(
    "fault",
    [
        client_error("ThrottlingException", 400),
        client_error("SlowDown", 503),
        EndpointConnectionError(endpoint_url="https://runtime"),
        None,
    ],
)
def test_a_transient_fault_keeps_what_is_done_and_asks_for_another_call(
    handler: ModuleType, endpoint: Endpoint, fault: Exception | None
) -> None:
    rows = [f"{number}.png" for number in range(6)]
    put(*rows)
    failing_after(endpoint, 4, fault or Poison(handler, Endpoint(), set()).fault())

    with pytest.raises(handler.BatchUnfinished, match="2 of 6 pictures are left over: "):
        classify(handler, *rows)

    assert [line["status"] for line in the_only_part()] == ["accepted"] * 4
    endpoint.answer, endpoint.calls = endpoint.by_colour, 0
    assert classify(handler, *rows)["counts"] == {"accepted": 6}
    assert endpoint.calls == 2


def test_no_picture_is_begun_that_the_call_may_not_live_to_finish(
    handler: ModuleType, endpoint: Endpoint
) -> None:
    put("one.png")
    late = SimpleNamespace(get_remaining_time_in_millis=lambda: handler.MARGIN_MILLISECONDS - 1)

    with pytest.raises(handler.BatchUnfinished, match="1 of 1 pictures are left over: no time"):
        handler.lambda_handler(event("one.png"), late)

    assert endpoint.calls == 0
    assert objects.keys("artifacts") == []


def test_a_fault_of_ours_fails_the_batch_and_keeps_what_is_done(
    handler: ModuleType, endpoint: Endpoint
) -> None:
    put("0.png", "1.png")
    missing = client_error("ValidationError", 400)
    failing_after(endpoint, 1, missing)

    with pytest.raises(ClientError) as raised:
        classify(handler, "0.png", "1.png")

    assert raised.value is missing
    assert [line["status"] for line in the_only_part()] == ["accepted"]


def test_throttling_of_one_thread_slows_down_all(handler: ModuleType) -> None:
    for client in (handler.runtime, handler.s3):
        assert client.meta.config.retries == {"mode": "adaptive", "total_max_attempts": 5}


# --- a model that fails --------------------------------------------------------------------------


class Poison:
    """Lets the model fail for some pictures; what it was asked for is counted by picture."""

    def __init__(self, handler: ModuleType, endpoint: Endpoint, reds: set[int]) -> None:
        self.reds = reds
        self.asked: Counter[int] = Counter()
        self._fault = handler.runtime.exceptions.ModelError
        self._by_colour = endpoint.by_colour
        self._lock = threading.Lock()
        endpoint.answer = self.answer

    def answer(self, picture: bytes) -> bytes:
        red = red_of(picture)
        with self._lock:
            self.asked[red] += 1
        if red in self.reds:
            raise self.fault()
        return self._by_colour(picture)

    def fault(self, status: int = 500) -> ClientError:
        error: ClientError = self._fault(
            {
                "Error": {"Code": "ModelError", "Message": "Received server error"},
                "ResponseMetadata": {"HTTPStatusCode": 424},
                "OriginalStatusCode": status,
                "OriginalMessage": "cannot decode",
            },
            "InvokeEndpoint",
        )
        return error


@pytest.fixture
def poison(handler: ModuleType, endpoint: Endpoint) -> Poison:
    """good.png and bad.png; the model fails for the latter."""
    put("good.png")
    put("bad.png", red=BAD)
    return Poison(handler, endpoint, {BAD})


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
    rows = [f"{number}.png" for number in range(5)]
    put(*rows)
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
    rows = [f"{number}.png" for number in range(9)]
    put(*rows)

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


# --- what is damaged -----------------------------------------------------------------------------

LINE = {
    "index": 0,
    "key": "0.png",
    "status": "accepted",
    "label": "bicycle",
    "confidence": 1.0,
    "inferences": [1.0, 0.0],
}


def put_part(batch: dict[str, Any], content: bytes) -> None:
    objects.put("artifacts", part_key("bulk/run", batch["Items"]), content)


@pytest.mark.parametrize(
    "content",
    [
        *DAMAGED_LINES.values(),
        json_lines([{**LINE, "key": "another.png"}]),
        json_lines([{**LINE, "index": 2}]),
    ],
    ids=[*DAMAGED_LINES, "another picture", "another index"],
)
def test_pictures_of_a_damaged_part_are_classified_again(
    handler: ModuleType,
    endpoint: Endpoint,
    caplog: pytest.LogCaptureFixture,
    content: bytes,
) -> None:
    put("0.png")
    put("1.png", red=UNSURE)
    put_part(event("0.png", "1.png"), json_lines([{**LINE, "index": 1, "key": "1.png"}]) + content)

    answer = classify(handler, "0.png", "1.png")

    assert [line["status"] for line in part(answer)] == ["accepted", "rejected"]
    assert "is damaged, and ignored" in caplog.text


@fuzzed_with_objects
@given(
    batch=mutated(event("0.png", {"name": "1"}, "2.png")),
    lines=st.lists(mutated(LINE), max_size=3),
)
def test_any_batch_and_part_are_classified_or_have_a_named_error(
    handler: ModuleType, endpoint: Endpoint, batch: Mutated, lines: list[Mutated]
) -> None:
    put("0.png")
    put_part(event("0.png", {"name": "1"}, "2.png"), b"\n".join(map(as_json, lines)))

    answer = answered(lambda given, _: handler.lambda_handler(given, ENOUGH), batch, "InvalidEvent")

    if not isinstance(answer, Exception):
        indices = {item["index"] for item in batch.value["Items"]}
        assert sum(answer["counts"].values()) == len(indices)
