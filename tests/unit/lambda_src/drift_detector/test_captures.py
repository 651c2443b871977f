import gzip
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lambda_src.drift_detector.captures import UnreadableError, lines, parse
from tests.unit.lambda_src.drift_detector.conftest import MakeRecord, png

REAL = Path("../shared/data/captures")


def raw(content: bytes) -> io.RawIOBase:
    class Body(io.RawIOBase):
        def __init__(self) -> None:
            self.content = io.BytesIO(content)

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            return self.content.readinto(buffer)

    return Body()


def test_a_record_has_what_the_detector_needs(record: MakeRecord) -> None:
    time = datetime(2026, 3, 1, 12, 30, 5, tzinfo=UTC)
    capture = record(confidence=0.75, picture=png(100), time=time, inference_id="mine")

    parsed = parse(json.dumps(capture).encode())

    assert parsed == (capture["eventMetadata"]["eventId"], "mine", time, [0.75, 0.25], png(100))


def test_output_may_be_base64_and_input_missing(record: MakeRecord) -> None:
    capture = record()
    capture["captureData"]["endpointOutput"] |= {"encoding": "BASE64", "data": "WzAuOSwgMC4xXQ=="}

    parsed = parse(json.dumps(capture).encode())

    assert parsed.probabilities == [0.9, 0.1]
    assert parsed.picture is None
    assert parsed.inference_id == ""


@pytest.mark.parametrize(
    "output", ["[]", "0.9", "null", '["0.9"]', "[1.5, 0.1]", "[NaN, 0.1]", "no JSON", "[[0.9]]"]
)
def test_a_reply_without_probabilities_is_unreadable(record: MakeRecord, output: str) -> None:
    with pytest.raises(UnreadableError):
        parse(json.dumps(record(output=output)).encode())


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


def test_a_cut_line_and_a_time_without_zone_are_unreadable(record: MakeRecord) -> None:
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


@pytest.mark.skipif(not REAL.is_dir(), reason=f"{REAL} is absent")
def test_real_captures_are_readable() -> None:
    for path in REAL.glob("*.jsonl"):
        for line in lines(raw(path.read_bytes())):
            assert len(parse(line).probabilities) == 2
