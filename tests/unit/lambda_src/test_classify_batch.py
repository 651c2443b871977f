import io
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws
from PIL import Image

from lambda_src.shared.bulk_parts import json_lines, part_key
from lambda_src.shared.events import InvalidEvent
from stacks.constructs.common.picture_results import STATUS_OF_ERROR
from tests.unit.lambda_src.hostile import (
    DAMAGED_LINES,
    Mutated,
    answered,
    as_json,
    fuzzed_with_objects,
    mutated,
)

ENVIRONMENT = {
    "CLASSES": "bicycle,motorcycle",
    "CONFIDENCE_THRESHOLD": "0.93",
    "DATA_BUCKET": "pictures",
    "ENDPOINT_NAME": "scones-dev",
    "PICTURE_FAULTS": ",".join(STATUS_OF_ERROR),
    "RESULTS_BUCKET": "artifacts",
    "THREADS": "3",
}
ENOUGH = SimpleNamespace(get_remaining_time_in_millis=lambda: 300_000)

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
def handler(import_handler: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="pictures")
        s3.create_bucket(Bucket="artifacts")
        imported = import_handler("classify_batch", **ENVIRONMENT)
        monkeypatch.setattr(imported, "PAUSES", (0,) * len(imported.PAUSES))
        yield imported


@pytest.fixture
def endpoint(handler: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    fake = Endpoint()
    monkeypatch.setattr(handler.runtime, "invoke_endpoint", fake.invoke_endpoint)
    return fake


def put(key: str, red: int | bytes) -> None:
    body = red if isinstance(red, bytes) else picture(red)
    boto3.client("s3", region_name="us-east-1").put_object(Bucket="pictures", Key=key, Body=body)


def picture(red: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), (red, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def event(*rows: Any, first: int = 0) -> dict[str, Any]:
    items = [{"index": first + number, "item": row} for number, row in enumerate(rows)]
    return {"BatchInput": {"results": "bulk/run"}, "Items": items}


def part(key: str) -> list[dict[str, Any]]:
    body = boto3.client("s3", region_name="us-east-1").get_object(Bucket="artifacts", Key=key)
    return [json.loads(line) for line in body["Body"].read().splitlines()]


def parts() -> list[str]:
    listed = boto3.client("s3", region_name="us-east-1").list_objects_v2(Bucket="artifacts")
    return [each["Key"] for each in listed.get("Contents", [])]


def test_empty_folders_of_the_console_are_no_failed_pictures(
    handler: ModuleType, endpoint: Endpoint
) -> None:
    for key, red in (("week 28/", b""), ("not empty/", 255), ("empty.png", b"")):
        put(key, red)
    given = event("week 28/", "not empty/", "empty.png", "gone/")

    answer = handler.lambda_handler(given, ENOUGH)

    assert answer["counts"] == {"folder": 1, "accepted": 1, "failed": 2}
    assert part(answer["part"])[0] == {"index": 0, "key": "week 28/", "status": "folder"}


def test_a_quoted_key_is_that_of_predictions_csv(handler: ModuleType, endpoint: Endpoint) -> None:
    put("=1+1.png", 255)
    given = event("'=1+1.png")
    literal = handler.lambda_handler(given, ENOUGH)
    given["Items"][0]["quoted"] = True
    quoted = handler.lambda_handler(given, ENOUGH)

    assert [(line["key"], line["status"]) for line in part(quoted["part"])] == [
        ("=1+1.png", "accepted")
    ]
    assert [(line["key"], line["status"]) for line in part(literal["part"])] == [
        ("'=1+1.png", "failed")
    ]


def test_what_is_finished_before_the_process_dies_is_not_classified_again(
    handler: ModuleType, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f"{number}.png" for number in range(20)]
    for row in rows:
        put(row, 255)
    put("10.png", 7)
    monkeypatch.setattr(handler, "SAVE_SECONDS", 0)

    class Killed(BaseException): ...

    def kill(picture: bytes) -> bytes:
        if red_of(picture) == 7:
            raise Killed
        return endpoint.by_colour(picture)

    endpoint.answer = kill
    with pytest.raises(Killed):
        handler.lambda_handler(event(*rows), ENOUGH)
    endpoint.answer, endpoint.calls = endpoint.by_colour, 0

    answer = handler.lambda_handler(event(*rows), ENOUGH)

    assert endpoint.calls == 10
    assert [line["key"] for line in part(answer["part"])] == rows


def test_each_picture_gets_one_line_in_order(
    handler: ModuleType, endpoint: Endpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    for key, red in (("sure.png", 255), ("unsure.png", 128), ("note.txt", b"hello")):
        put(key, red)
    rows = [
        "sure.png",
        "unsure.png",
        "note.txt",
        "gone.png",
        {"name": "x"},
        "sure.png",
        "\ud800.png",
    ]

    answer = handler.lambda_handler(event(*rows, first=40), ENOUGH)

    assert capsys.readouterr().out == ""  # and none in the log
    assert answer["first"] == 40
    assert answer["counts"] == {"accepted": 2, "rejected": 1, "failed": 4}
    lines = part(answer["part"])
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


def test_what_is_finished_is_not_paid_for_twice(handler: ModuleType, endpoint: Endpoint) -> None:
    put("one.png", 255)
    put("two.png", b"not yet a picture")
    first = handler.lambda_handler(event("one.png", "two.png"), ENOUGH)
    put("two.png", 0)

    second = handler.lambda_handler(event("one.png", "two.png"), ENOUGH)
    third = handler.lambda_handler(event("one.png", "two.png"), ENOUGH)

    assert first["part"] == second["part"] == third["part"]
    assert [line["status"] for line in part(second["part"])] == ["accepted", "accepted"]
    assert second["counts"] == third["counts"] == {"accepted": 2}
    assert endpoint.calls == 2


def test_other_pictures_have_another_part(handler: ModuleType, endpoint: Endpoint) -> None:
    put("one.png", 255)

    answers = [
        handler.lambda_handler(event("one.png", first=first), ENOUGH)["part"] for first in (0, 1)
    ]

    assert sorted(parts()) == sorted(set(answers))
    assert len(set(answers)) == 2


def throttled_after(endpoint: Endpoint, calls: int, fault: Exception) -> None:
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
    ],
)
def test_throttling_keeps_what_is_done_and_asks_for_another_call(
    handler: ModuleType, endpoint: Endpoint, fault: Exception
) -> None:
    rows = [f"{number}.png" for number in range(6)]
    for row in rows:
        put(row, 255)
    throttled_after(endpoint, 4, fault)

    with pytest.raises(handler.BatchUnfinished, match="2 of 6 pictures are left over: "):
        handler.lambda_handler(event(*rows), ENOUGH)

    (key,) = parts()
    assert len(part(key)) == 4
    endpoint.answer = endpoint.by_colour
    assert handler.lambda_handler(event(*rows), ENOUGH)["counts"] == {"accepted": 6}
    assert endpoint.calls == 8


def test_no_picture_is_begun_that_the_call_may_not_live_to_finish(
    handler: ModuleType, endpoint: Endpoint
) -> None:
    put("one.png", 255)
    late = SimpleNamespace(get_remaining_time_in_millis=lambda: handler.MARGIN_MILLISECONDS - 1)

    with pytest.raises(handler.BatchUnfinished, match="1 of 1 pictures are left over: no time"):
        handler.lambda_handler(event("one.png"), late)

    assert endpoint.calls == 0
    assert parts() == []


def test_a_fault_of_ours_fails_the_batch_and_keeps_what_is_done(
    handler: ModuleType, endpoint: Endpoint
) -> None:
    for row in ("0.png", "1.png"):
        put(row, 255)
    missing = client_error("ValidationError", 400)
    throttled_after(endpoint, 1, missing)

    with pytest.raises(ClientError) as raised:
        handler.lambda_handler(event("0.png", "1.png"), ENOUGH)

    assert raised.value is missing
    (key,) = parts()
    assert [line["status"] for line in part(key)] == ["accepted"]


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


def test_one_picture_that_the_model_fails_for_is_one_failed_line_of_hundreds(
    handler: ModuleType, endpoint: Endpoint
) -> None:
    poison = Poison(handler, endpoint, {7})
    put("good.png", 255)
    put("bad.png", 7)
    rows = ["good.png"] * 150 + ["bad.png"] + ["good.png"] * 149

    answers = [
        handler.lambda_handler(event(*rows[first : first + 100], first=first), ENOUGH)
        for first in range(0, 300, 100)
    ]

    assert sum((Counter(each["counts"]) for each in answers), Counter()) == {
        "accepted": 299,
        "failed": 1,
    }
    lines = [line for each in answers for line in part(each["part"])]
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
    assert poison.asked[7] == 4
    assert poison.asked[255] == 299


@pytest.mark.parametrize("finished_before", [True, False], ids=["a resume", "alone"])
def test_a_picture_needs_no_other_of_its_batch_to_be_found_out(
    handler: ModuleType, endpoint: Endpoint, finished_before: bool
) -> None:
    """Of a batch of one, or where all others were finished by an earlier call."""
    poison = Poison(handler, endpoint, {7})
    put("good.png", 255)
    put("bad.png", 7)
    rows = ["good.png", "bad.png"] if finished_before else ["bad.png"]

    first = handler.lambda_handler(event(*rows), ENOUGH)
    again = handler.lambda_handler(event(*rows), ENOUGH)

    assert first == again
    assert first["counts"]["failed"] == 1
    assert poison.asked[255] == finished_before


def test_the_picture_is_classified_again_by_a_later_run(
    handler: ModuleType, endpoint: Endpoint
) -> None:
    poison = Poison(handler, endpoint, {7})
    put("bad.png", 7)
    handler.lambda_handler(event("bad.png"), ENOUGH)
    poison.reds = set()

    assert handler.lambda_handler(event("bad.png"), ENOUGH)["counts"] == {"accepted": 1}


def test_a_model_that_fails_once_is_asked_again(handler: ModuleType, endpoint: Endpoint) -> None:
    poison = Poison(handler, endpoint, set())
    put("one.png", 255)

    def answer(picture: bytes) -> bytes:
        reply = poison.answer(picture)
        if red_of(picture) == 255 and poison.asked[255] == 1:
            raise poison.fault(503)
        return reply

    endpoint.answer = answer

    assert handler.lambda_handler(event("one.png"), ENOUGH)["counts"] == {"accepted": 1}


def test_a_model_that_fails_for_every_picture_is_the_endpoints_fault(
    handler: ModuleType, endpoint: Endpoint
) -> None:
    def fail(_: bytes) -> bytes:
        raise Poison(handler, Endpoint(), set()).fault()

    endpoint.answer = fail
    rows = [f"{number}.png" for number in range(5)]
    for row in rows:
        put(row, 255)

    with pytest.raises(handler.BatchUnfinished, match="5 of 5 pictures are left over: .*decode"):
        handler.lambda_handler(event(*rows), ENOUGH)

    assert parts() == []
    # Each picture once; then whether the model answers at all, and no picture more.
    assert endpoint.calls == len(rows) + len(handler.PAUSES)


def test_batches_do_not_look_for_the_model_in_step(
    handler: ModuleType, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: bytes) -> bytes:
        raise Poison(handler, Endpoint(), set()).fault()

    endpoint.answer = fail
    put("one.png", 255)
    pauses: list[float] = []
    monkeypatch.setattr(handler, "PAUSES", (8,))
    monkeypatch.setattr(handler.time, "sleep", pauses.append)

    for _ in range(5):
        with pytest.raises(handler.BatchUnfinished):
            handler.lambda_handler(event("one.png"), ENOUGH)

    assert len(set(pauses)) == 5
    assert 4 <= min(pauses) < max(pauses) <= 12


def test_nonsense_for_one_picture_is_a_failed_line_too(
    handler: ModuleType, endpoint: Endpoint
) -> None:
    endpoint.answer = lambda picture: (
        b"[NaN, NaN]" if red_of(picture) == 7 else endpoint.by_colour(picture)
    )
    put("good.png", 255)
    put("bad.png", 7)

    _, bad = part(handler.lambda_handler(event("good.png", "bad.png"), ENOUGH)["part"])

    assert bad["error"] == "ModelFailed"
    assert "answered b'[NaN, NaN]'; expected a JSON list" in bad["reason"]


def test_nonsense_for_every_picture_fails_the_batch(
    handler: ModuleType, endpoint: Endpoint
) -> None:
    endpoint.answer = lambda _: b"<html>"
    put("good.png", 255)

    with pytest.raises(handler.InvalidPrediction, match="answered b'<html>'"):
        handler.lambda_handler(event("good.png"), ENOUGH)


def test_a_model_that_fails_from_now_on_leaves_the_rest_to_another_call(
    handler: ModuleType, endpoint: Endpoint
) -> None:
    rows = [f"{number}.png" for number in range(6)]
    for row in rows:
        put(row, 255)
    throttled_after(endpoint, 4, Poison(handler, Endpoint(), set()).fault())

    with pytest.raises(handler.BatchUnfinished, match="2 of 6 pictures are left over: "):
        handler.lambda_handler(event(*rows), ENOUGH)

    (key,) = parts()
    assert [line["status"] for line in part(key)] == ["accepted"] * 4


def test_a_model_that_comes_back_slowly_is_waited_for(
    handler: ModuleType, endpoint: Endpoint
) -> None:
    """A picture that kills the model's process: the others must not be blamed for it."""
    poison = Poison(handler, endpoint, {7})
    down = 0

    def answer(picture: bytes) -> bytes:
        nonlocal down
        if down:
            down -= 1
            raise poison.fault(503)
        if red_of(picture) == 7:
            down = 3
        return poison.answer(picture)

    endpoint.answer = answer
    put("bad.png", 7)
    rows = ["bad.png"] + [f"{number}.png" for number in range(9)]
    for row in rows[1:]:
        put(row, 255)

    lines = part(handler.lambda_handler(event(*rows), ENOUGH)["part"])

    assert [line["status"] for line in lines] == ["failed"] + ["accepted"] * 9


def test_with_little_time_left_nobody_is_blamed(handler: ModuleType, endpoint: Endpoint) -> None:
    poison = Poison(handler, endpoint, {7})
    put("good.png", 255)
    put("bad.png", 7)
    short = SimpleNamespace(get_remaining_time_in_millis=lambda: 0 if poison.asked[7] else 300_000)

    with pytest.raises(handler.BatchUnfinished, match="1 of 2 pictures are left over"):
        handler.lambda_handler(event("good.png", "bad.png"), short)

    (key,) = parts()
    assert [line["status"] for line in part(key)] == ["accepted"]
    assert poison.asked[7] == 1


def test_what_tells_whether_the_model_answers_is_a_picture(
    handler: ModuleType, endpoint: Endpoint
) -> None:
    assert json.loads(endpoint.by_colour(handler.PROBE)) == [128 / 255, 127 / 255]
    assert Image.open(io.BytesIO(handler.PROBE)).size == (32, 32)


def test_throttling_of_one_thread_slows_down_all(handler: ModuleType) -> None:
    for client in (handler.runtime, handler.s3):
        assert client.meta.config.retries == {"mode": "adaptive", "total_max_attempts": 5}


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
    key = part_key("bulk/run", batch["Items"])
    boto3.client("s3", region_name="us-east-1").put_object(
        Bucket="artifacts", Key=key, Body=content
    )


def test_a_whole_part_is_taken(handler: ModuleType, endpoint: Endpoint) -> None:
    put_part(event("0.png"), json_lines([LINE]))

    assert handler.lambda_handler(event("0.png"), ENOUGH)["counts"] == {"accepted": 1}
    assert endpoint.calls == 0


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
    put("0.png", 255)
    put("1.png", 128)
    one = {**LINE, "index": 1, "key": "1.png"}
    batch = event("0.png", "1.png")
    put_part(batch, json_lines([one]) + content)

    answer = handler.lambda_handler(batch, ENOUGH)

    assert answer["counts"] == {"accepted": 1, "rejected": 1}
    assert [line["status"] for line in part(answer["part"])] == ["accepted", "rejected"]
    assert "is damaged, and taken for absent" in caplog.text


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"Items": None}, "Items is None; expected a list"),
        ({"Items": []}, r"Items is \[\]; expected a list of one item or more"),
        ({"Items": ["0.png"]}, "found '0.png'; expected an object with index"),
        ({"Items": [{"index": "0", "item": "0.png"}]}, "index is '0'; expected a whole number"),
        ({"BatchInput": None}, "BatchInput is None; expected an object"),
        ({"BatchInput": {}}, "results is None; expected a text"),
    ],
)
def test_an_event_of_other_types_is_named(
    handler: ModuleType, changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidEvent, match=f"^{message}"):
        handler.lambda_handler({**event("0.png"), **changed}, ENOUGH)


@fuzzed_with_objects
@given(
    batch=mutated(event("0.png", {"name": "1"}, "2.png")),
    lines=st.lists(mutated(LINE), max_size=3),
)
def test_any_batch_and_part_are_classified_or_have_a_named_error(
    handler: ModuleType, endpoint: Endpoint, batch: Mutated, lines: list[Mutated]
) -> None:
    put("0.png", 255)
    put_part(event("0.png", {"name": "1"}, "2.png"), b"\n".join(map(as_json, lines)))

    answer = answered(lambda given, _: handler.lambda_handler(given, ENOUGH), batch, "InvalidEvent")

    if not isinstance(answer, Exception):
        indices = {item["index"] for item in batch.value["Items"]}
        assert sum(answer["counts"].values()) == len(indices)
