from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from lambda_src.shared.bulk_parts import json_lines, part_key
from tests.unit.lambda_src import objects
from tests.unit.lambda_src.classify_batch.batch import (
    BAD,
    ENOUGH,
    UNSURE,
    Endpoint,
    Poison,
    classify,
    client_error,
    event,
    failing_after,
    part,
    put,
    put_numbered,
    red_of,
    the_only_part,
)
from tests.unit.lambda_src.hostile import (
    DAMAGED_LINES,
    Mutated,
    answered,
    as_json,
    fuzzed_with_objects,
    mutated,
)


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
    rows = put_numbered(20)
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


@pytest.mark.parametrize(
    "fault",
    [
        client_error("ThrottlingException", 400),
        client_error("SlowDown", 503),
        client_error("Throttling", 400),
        EndpointConnectionError(endpoint_url="https://runtime"),
        None,
    ],
)
def test_a_transient_fault_keeps_what_is_done_and_asks_for_another_call(
    handler: ModuleType, endpoint: Endpoint, fault: Exception | None
) -> None:
    rows = put_numbered(6)
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
    config = handler.runtime.meta.config
    tries = config.retries["total_max_attempts"]
    longest = tries * (config.connect_timeout + config.read_timeout)
    assert 1000 * longest < handler.MARGIN_MILLISECONDS


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
    handler: ModuleType, endpoint: Endpoint, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    put("0.png")
    put("1.png", red=UNSURE)
    put_part(event("0.png", "1.png"), json_lines([{**LINE, "index": 1, "key": "1.png"}]) + content)

    answer = classify(handler, "0.png", "1.png")

    assert [line["status"] for line in part(answer)] == ["accepted", "rejected"]
    assert "is damaged, and ignored" in caplog.text


@fuzzed_with_objects
@given(
    batch=mutated(event("0.png", {"name": "1"}, "2.png")), lines=st.lists(mutated(LINE), max_size=3)
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
