import base64
import gzip
import io
import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lambda_src.drift_detector.captures import (
    MAX_ID,
    MAX_REASON,
    UnreadableError,
    lines,
    parse,
)
from lambda_src.shared.json_limits import MAX_BYTES, MAX_LINES, MAX_VALUES
from tests import odd_replies
from tests.mutations import python_memory_below
from tests.unit.lambda_src.drift_detector.detector import png, raw, record

REFUSED = odd_replies.REFUSED | odd_replies.WRAPPED


def test_a_record_has_what_the_detector_needs() -> None:
    time = datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC)
    capture = record(confidence=0.75, picture=png(100), time=time, inference_id="mine")

    parsed = parse(json.dumps(capture).encode())

    assert parsed == (capture["eventMetadata"]["eventId"], "mine", time, [0.75, 0.25], png(100))


def test_output_may_be_base64_and_input_missing() -> None:
    capture = record()
    capture["captureData"]["endpointOutput"] |= {"encoding": "BASE64", "data": "WzAuOSwgMC4xXQ=="}

    parsed = parse(json.dumps(capture).encode())

    assert parsed.probabilities == [0.9, 0.1]
    assert parsed.picture is None
    assert parsed.inference_id == ""


def answered(capture: dict[str, Any], reply: bytes) -> bytes:
    """The line of a record with this reply."""
    capture["captureData"]["endpointOutput"] |= {
        "encoding": "BASE64",
        "data": base64.b64encode(reply).decode(),
    }
    return json.dumps(capture).encode()


@pytest.mark.parametrize("reply", odd_replies.READ)
def test_replies_are_read(reply: bytes) -> None:
    assert parse(answered(record(), reply)).probabilities == odd_replies.READ[reply]


@pytest.mark.parametrize("name", REFUSED)
def test_a_reply_without_probabilities_is_unreadable(name: str) -> None:
    with pytest.raises(UnreadableError) as raised:
        parse(answered(record(), REFUSED[name]))
    assert len(str(raised.value)) <= MAX_REASON


@pytest.mark.parametrize(
    "line",
    [
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'"text"',
        b"null",
        b'{"captureData": {}, "eventMetadata": null}',
        b'{"captureData": {"endpointOutput": {"data": 1, "encoding": "JSON"}}, "eventMetadata": '
        b'{"eventId": "1", "inferenceTime": "2026-01-01T00:00:00Z"}}',
    ],
)
def test_what_is_no_record_is_unreadable(line: bytes) -> None:
    with pytest.raises(UnreadableError):
        parse(line)


def test_a_cut_line_and_a_time_without_zone_are_unreadable() -> None:
    capture = record()
    with pytest.raises(UnreadableError):
        parse(json.dumps(capture).encode()[:-9])
    capture["eventMetadata"]["inferenceTime"] = "2026-01-01T00:00:00"
    with pytest.raises(UnreadableError, match="no time zone"):
        parse(json.dumps(capture).encode())


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_lines_of_a_file_zipped_or_not(pack: Any) -> None:
    assert list(lines(raw(pack(b"one\n\n  \ntwo")))) == [b"one\n", b"two"]


def test_damaged_gzip_gives_what_is_before_the_damage() -> None:
    content = gzip.compress(b"one\n")[:-4]

    read = lines(raw(content))

    assert next(read) == b"one\n"
    with pytest.raises(UnreadableError, match="damaged gzip"):
        next(read)


DEEP = "[" * 3000 + "]" * 3000
BILLIONS = "1" * 400


@pytest.mark.parametrize(
    "value", [DEEP, BILLIONS, "1" * 5000, '"\\ud800"', "1e999", "NaN", "{}", ""]
)
@pytest.mark.parametrize(
    "place",
    [
        "captureData",
        "eventMetadata",
        "endpointInput",
        "endpointOutput",
        "data",
        "encoding",
        "eventId",
        "inferenceTime",
        "inferenceId",
    ],
)
def test_no_value_of_a_record_raises_another_error(place: str, value: str) -> None:
    capture = record(picture=png(100), inference_id="mine")
    for part in (capture, *capture.values(), *capture["captureData"].values()):
        if isinstance(part, dict) and place in part:
            part[place] = "HERE"
    line = json.dumps(capture).replace('"HERE"', value).encode()

    with suppress(UnreadableError):
        parse(line)


def test_a_reason_is_short() -> None:
    capture = record()
    capture["eventMetadata"]["inferenceTime"] = "x" * 10**6

    with pytest.raises(UnreadableError, match="^ValueError: Invalid isoformat string") as raised:
        parse(json.dumps(capture).encode())

    assert len(str(raised.value)) == MAX_REASON


@pytest.mark.parametrize("field", ["eventId", "inferenceId"])
def test_an_id_has_a_length(field: str) -> None:
    capture = record()
    capture["eventMetadata"][field] = "i" * MAX_ID
    parse(json.dumps(capture).encode())

    capture["eventMetadata"][field] += "i"
    with pytest.raises(UnreadableError, match="an id is no text of up to 256 characters"):
        parse(json.dumps(capture).encode())


def test_an_inference_id_may_be_null() -> None:
    capture = record()
    capture["eventMetadata"]["inferenceId"] = None

    assert parse(json.dumps(capture).encode()).inference_id == ""


def test_the_largest_request_of_an_endpoint_is_readable() -> None:
    picture = bytes(6 * 2**20)

    parsed = parse(json.dumps(record(picture=picture)).encode())

    assert parsed.picture == picture


@pytest.mark.parametrize("encoding", ["JSON", "BASE64"])
def test_as_many_values_as_a_limit_are_parsed(encoding: str) -> None:
    output = json.dumps([0.5] * MAX_VALUES)
    if encoding == "BASE64":
        output = base64.b64encode(output.encode()).decode()
    capture = record(output=output)
    capture["captureData"]["endpointOutput"]["encoding"] = encoding

    with pytest.raises(UnreadableError, match="values in its JSON; a record has at most 100,000"):
        parse(json.dumps(capture).encode())


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
