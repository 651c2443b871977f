import base64
import gzip
import io
import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lambda_src.drift_detector import captures
from lambda_src.drift_detector.captures import MAX_ID, Batch, UnreadableError, lines, parse
from lambda_src.drift_detector.picture_statistics import measure
from lambda_src.shared.json_limits import MAX_BYTES, MAX_LINES, MAX_VALUES
from tests import odd_replies
from tests.mutations import python_memory_below
from tests.odd_pictures import encoded, photo
from tests.unit.lambda_src.drift_detector.detector import make_stored_baseline, png, raw, record


def test_pictures_are_reduced_to_the_side_of_the_baselines() -> None:
    picture = encoded(photo().resize((300, 200)), "JPEG")
    batch = Batch(replace(make_stored_baseline(), side=40))

    batch.add_file("a.jsonl", raw(json.dumps(record(picture=picture)).encode()))

    (observed,) = batch.observations
    measured = (observed.brightness, observed.contrast, observed.sharpness)
    assert measured == measure(picture, side=40) != measure(picture)


def parsed(capture: dict[str, Any]) -> captures.Record:
    return parse(json.dumps(capture).encode())


def answered(reply: bytes) -> dict[str, Any]:
    capture = record()
    capture["captureData"]["endpointOutput"] |= {
        "encoding": "BASE64",
        "data": base64.b64encode(reply).decode(),
    }
    return capture


def with_metadata(**changed: Any) -> dict[str, Any]:
    capture = record()
    capture["eventMetadata"] |= changed
    return capture


def test_a_record_has_what_the_detector_needs() -> None:
    time = datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC)
    picture = bytes(6 * 2**20)  # the largest request of an endpoint
    capture = record(confidence=0.75, picture=picture, time=time, inference_id="mine")

    event_id = capture["eventMetadata"]["eventId"]
    assert parsed(capture) == (event_id, "mine", time, [0.75, 0.25], picture)


@pytest.mark.parametrize("reply", odd_replies.READ)
@pytest.mark.parametrize("inference_id", [{}, {"inferenceId": None}])
def test_output_may_be_base64_and_input_and_inference_id_missing(
    reply: bytes, inference_id: dict[str, None]
) -> None:
    capture = answered(reply)
    capture["eventMetadata"] |= inference_id

    read = parsed(capture)

    assert read.probabilities == odd_replies.READ[reply]
    assert (read.picture, read.inference_id) == (None, "")


OF_AN_ID = "an id is not a string of up to 256 characters"
UNREADABLE: dict[bytes, str | None] = {
    b"\xff\xfe": None,
    b"[]": None,
    b"{}": None,
    b'"text"': None,
    b"null": None,
    json.dumps(record()).encode()[:-9]: None,
    b'{"captureData": {}, "eventMetadata": null}': None,
    **{
        json.dumps(capture).encode(): says
        for capture, says in (
            (with_metadata(inferenceTime="2026-01-01T00:00:00"), "no time zone"),
            (with_metadata(inferenceTime="x" * 10**6), "^ValueError: Invalid isoformat string"),
            (with_metadata(eventId="i" * (MAX_ID + 1)), OF_AN_ID),
            (with_metadata(inferenceId="i" * (MAX_ID + 1)), OF_AN_ID),
            (record(output=json.dumps([0.5] * MAX_VALUES)), "values in its JSON; a record has at"),
            (answered(json.dumps([0.5] * MAX_VALUES).encode()), "values in its JSON; a record"),
            *((answered(reply), None) for reply in odd_replies.REFUSED.values()),
        )
    },
}


@pytest.mark.parametrize("line", UNREADABLE, ids=lambda line: ascii(line[:40]))
def test_what_is_no_record_with_a_prediction_is_unreadable_for_a_short_reason(line: bytes) -> None:
    with pytest.raises(UnreadableError, match=UNREADABLE[line]) as raised:
        parse(line)

    assert len(str(raised.value)) <= captures.MAX_REASON


def test_the_longest_ids_are_read() -> None:
    longest = "i" * MAX_ID

    read = parsed(with_metadata(eventId=longest, inferenceId=longest))

    assert read.event_id == read.inference_id == longest


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_lines_of_a_file_zipped_or_not(pack: Any) -> None:
    assert list(lines(raw(pack(b"one\n\n  \ntwo")))) == [b"one\n", b"two"]


def test_damaged_gzip_yields_the_lines_before_the_damage() -> None:
    read = lines(raw(gzip.compress(b"one\n")[:-4]))

    assert next(read) == b"one\n"
    with pytest.raises(UnreadableError, match="damaged gzip"):
        next(read)


DEEP = "[" * 3000 + "]" * 3000
PLACES = (
    *("captureData", "eventMetadata", "endpointInput", "endpointOutput", "data", "encoding"),
    *("eventId", "inferenceTime", "inferenceId"),
)


@pytest.mark.parametrize(
    "value", [DEEP, "1" * 400, "1" * 5000, '"\\ud800"', "1e999", "NaN", "{}", ""]
)
@pytest.mark.parametrize("place", PLACES)
def test_no_value_of_a_record_raises_another_error(place: str, value: str) -> None:
    capture = record(picture=png(100), inference_id="mine")
    for part in (capture, *capture.values(), *capture["captureData"].values()):
        if isinstance(part, dict) and place in part:
            part[place] = "HERE"

    with suppress(UnreadableError):
        parse(json.dumps(capture).replace('"HERE"', value).encode())


@pytest.mark.parametrize("value", ["0.1", "[]", "{}", '{"a":{}}'])
def test_the_memory_of_many_values_is_bounded(value: str) -> None:
    line = f"[{','.join([value] * 1_500_000)}]".encode()

    with python_memory_below(2**20), pytest.raises(UnreadableError):
        parse(line)


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_long_line_is_not_held_and_the_lines_around_it_are_read(end: bytes) -> None:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1) as file:
        file.write(b"one\n")
        for _ in range(100):
            file.write(b"[" * 2**20)
        file.write(b"\ntwo" + end)

    with python_memory_below(4 * MAX_BYTES):
        first, long, last = lines(raw(packed.getvalue()))

    assert (first, last) == (b"one\n", b"two" + end)
    with pytest.raises(UnreadableError, match="longer than 16,777,216 bytes"):
        parse(long)


@pytest.mark.parametrize("line", [b"x\n", b"\n", b"[" * 1000, b"x" * 5000 + b"\n"])
def test_a_file_that_takes_longer_than_a_run_ends(line: bytes) -> None:
    looks = iter([True] * 1000 + [False])
    packed = gzip.compress(line * 40_000, 1)

    with pytest.raises(UnreadableError, match="the time of the run is over"):
        list(lines(raw(packed), lambda: next(looks)))


def test_a_file_has_a_number_of_lines() -> None:
    content = b"x\n\n" * (MAX_LINES // 2)
    assert len(list(lines(raw(content)))) == MAX_LINES // 2

    read = lines(raw(content + b"x"))
    with pytest.raises(UnreadableError, match="more than 200,000 lines; the rest is left out"):
        list(read)


def test_real_captures_are_readable(real_captures: Path) -> None:
    for path in real_captures.glob("*.jsonl"):
        for line in lines(raw(path.read_bytes())):
            assert len(parse(line).probabilities) == 2
