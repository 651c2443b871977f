import base64
import gzip
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from analysis.captures import Capture, read
from analysis.files import BYTES_IN_MEMORY, OBJECTS_IN_FLIGHT
from analysis.skipped_lines import Kind, SkippedLine
from lambda_src.shared.json_limits import MAX_BYTES, MAX_LINES, MAX_VALUES
from settings.s3_uris import S3UriError
from tests import odd_replies
from tests.capture_records import PNG, record
from tests.mutations import python_memory_below

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def with_input(encoding: str, data: str) -> dict[str, Any]:
    result = record()
    result["captureData"]["endpointInput"] |= {"encoding": encoding, "data": data}
    return result


def lines(*records: dict[str, Any]) -> bytes:
    return "".join(json.dumps(each) + "\n" for each in records).encode()


def encoded(values: list[float]) -> str:
    return base64.b64encode(json.dumps(values).encode()).decode()


def read_all(
    location: Path | str, client: "S3Client | None" = None
) -> tuple[list[Capture], list[SkippedLine]]:
    skips: list[SkippedLine] = []
    return list(read(location, on_skip=skips.append, s3_client=client)), skips


def read_bytes(content: bytes, folder: Path) -> tuple[list[Capture], list[SkippedLine]]:
    """As `read_all`, of one file with this content."""
    file = folder / "captures.jsonl"
    file.write_bytes(content)
    return read_all(file)


def test_a_record_gives_every_field(tmp_path: Path) -> None:
    each = record(inference_id="picture-7", time="2024-10-15T16:05:12+02:00")
    (capture,), skips = read_bytes(lines(each), tmp_path)

    assert skips == []
    assert (capture.event_id, capture.inference_id) == ("one", "picture-7")
    assert capture.time == datetime(2024, 10, 15, 14, 5, 12, tzinfo=UTC)
    assert (capture.input_type, capture.input) == ("image/png", PNG)
    assert (capture.best_class, capture.confidence) == (1, 0.75)
    assert (capture.endpoint, capture.variant) == (None, None)


@pytest.mark.parametrize(
    ("output", "encoding"),
    [
        ("[0.25, 0.75]", "JSON"),
        ('{"prediction": [0.25, 0.75]}', "JSON"),
        ("0.25,0.75\n", "CSV"),
        (base64.b64encode(b"[0.25, 0.75]").decode(), "BASE64"),
        (base64.b64encode(b"0.25,0.75").decode(), "BASE64"),
        ("[[0.25, 0.75]]", "JSON"),
        ('{"predictions": [[0.25, 0.75]]}', "JSON"),
        ("2.5e-1, 7.5E-1", "CSV"),
        ("[25e-2,7.5e-01]", "JSON"),
        ("\ufeff.25,.75\r\n", "CSV"),
    ],
)
def test_output_encodings(output: str, encoding: str, tmp_path: Path) -> None:
    (capture,), skips = read_bytes(lines(record(output=output, encoding=encoding)), tmp_path)

    assert skips == []
    assert capture.probabilities == (0.25, 0.75)


def test_input_or_output_may_be_missing(tmp_path: Path) -> None:
    captures, skips = read_bytes(lines(record(content=None), record(output=None)), tmp_path)

    assert skips == []
    assert [each.input is None for each in captures] == [True, False]
    assert [each.confidence for each in captures] == [0.75, None]
    assert captures[1].best_class is None


NOT_PROBABILITIES = [
    *("[[0.2, 0.8], [0.3, 0.7]]", "{}", "[]", "oops", "[0.2, 1.8]", f"[{'1' * 5000}, 0]"),
    *("[" * 90_000, "[" * 3000 + "]" * 3000, f"[{'1' * 400}, 0]"),
]


@pytest.mark.parametrize(
    ("bad_line", "reason"),
    [
        *(
            (lines(record(output=each)), "is not a list of probabilities")
            for each in NOT_PROBABILITIES
        ),
        *(
            (lines(record(output=each, encoding="CSV")), "is not a list of probabilities")
            for each in ("nan,0.5", "1" * 400, "0_1,0.2")
        ),
        (lines(record(output=encoded([0.5] * MAX_VALUES), encoding="BASE64")), "is not a list of"),
        (lines(record(output=json.dumps([0.5] * MAX_VALUES))), "a record has at most 100,000"),
        (lines(record(output="[0.2, 1.8]")), "output '[0.2, 1.8]' is not a list"),
        (lines(record(encoding="ROT13")), "encoding 'ROT13', which is not"),
        (lines(record(output="$$$$", encoding="BASE64")), "is not BASE64"),
        (lines(record(output="[0.25, 0.75]", encoding="BASE64")), "is not BASE64"),
        (lines(record(output="WzAuMjUsIDAuNzVd")), "declares JSON, but is BASE64"),
        (lines(record(output="MC4yNSwwLjc1", encoding="CSV")), "declares CSV, but is BASE64"),
        (lines(with_input("BASE64", "1, 2")), "input '1, 2'... is not BASE64"),
        (lines(with_input("JSON", base64.b64encode(PNG).decode())), "but is a picture in BASE64"),
        (lines(with_input("x" * 257, "")), "endpointInput.encoding: String should have at most"),
        (lines(record(content_type="x" * 257)), "observedContentType: String should have at most"),
        (lines(record(event_id="i" * 257)), "eventMetadata.eventId: String should have at most"),
        (lines(record(time="9999-12-31T23:59:59-14:00")), "does not exist in UTC"),
        (lines(record(time="0001-01-01T00:00:00+05:00")), "does not exist in UTC"),
        (lines(record(time="0001-01-01T00:00:00Z")), "is before SageMaker existed, in 2017"),
        (lines(record(time="1969-12-31T23:59:59")), "is before SageMaker existed, in 2017"),
        (lines(record(time="2024-06-30T23:59:60Z")), "inferenceTime: Input should be a valid date"),
        (lines(record(time="yesterday")), "eventMetadata.inferenceTime: Input should be a valid"),
        (lines({"eventMetadata": {}}), "captureData: Field required"),
        (lines(record())[:200], "Invalid JSON"),
        (b"[" * 3000 + b"]" * 3000, "Invalid JSON"),
        (b'{"captureData": {"endpointInput": ' + b"1" * 5000, "Invalid JSON"),
        (b"[" + b"[]," * 60_000 + b"0]", "up to 120,002 values in its JSON"),
        (b"\xff\xfe\n", "Invalid JSON"),
    ],
)
def test_what_is_no_record_is_skipped_by_file_and_line(
    bad_line: bytes, reason: str, tmp_path: Path
) -> None:
    good = lines(record())
    captures, (skip,) = read_bytes(good + b"\n" + bad_line.rstrip() + b"\n" + good, tmp_path)

    assert len(captures) == 2
    assert (skip.file, skip.line) == ((tmp_path / "captures.jsonl").as_posix(), 3)
    assert reason in skip.reason


@pytest.mark.parametrize(
    ("time", "microsecond"),
    [
        ("2024-10-15T14:05:12", 0),
        ("2024-10-15T14:05:12.250Z", 250_000),
        ("2024-10-15T14:05:12.123456789Z", 123_456),
    ],
)
def test_times_with_and_without_zone_and_fractions(
    time: str, microsecond: int, tmp_path: Path
) -> None:
    each = record(time=time)
    del each["eventVersion"]
    (capture,), skips = read_bytes(lines(each), tmp_path)

    assert skips == []
    assert capture.time == datetime(2024, 10, 15, 14, 5, 12, microsecond, tzinfo=UTC)


def test_byte_order_mark_blank_lines_and_windows_line_ends(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + b"\n \n".join([lines(record()), lines(record())])
    captures, skips = read_bytes(content.replace(b"\n", b"\r\n"), tmp_path)

    assert skips == []
    assert [capture.line for capture in captures] == [1, 4]


def test_replies_are_read_or_counted_and_the_next_record_is_read(tmp_path: Path) -> None:
    odd = [*odd_replies.READ, *odd_replies.REFUSED.values()]
    replies = [base64.b64encode(reply).decode() for reply in odd]
    content = lines(*(record(output=reply, encoding="BASE64") for reply in replies), record())

    captures, skips = read_bytes(content, tmp_path)

    said = [list(capture.probabilities or ()) for capture in captures]
    assert said == [*odd_replies.READ.values(), [0.25, 0.75]]
    assert [odd[skip.line - 1] for skip in skips] == list(odd_replies.REFUSED.values())
    assert {skip.kind for skip in skips} == {Kind.NO_PROBABILITIES}
    assert max(len(skip.reason) for skip in skips) < 300


def test_a_file_has_a_number_of_lines(tmp_path: Path) -> None:
    content = lines(record()) + b"\n" * (MAX_LINES - 2) + lines(record(event_id="two"))
    captures, skips = read_bytes(content, tmp_path)
    assert (len(captures), skips) == (2, [])

    captures, (skip,) = read_bytes(b"\n" + content, tmp_path)

    assert (len(captures), skip.line, skip.kind) == (1, MAX_LINES + 1, Kind.UNREADABLE)
    assert skip.reason == "more than 200,000 lines; the rest is left out"


def test_a_file_that_cannot_be_opened_is_counted(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").symlink_to(tmp_path / "gone")
    (tmp_path / "b.jsonl").write_bytes(lines(record()))
    captures, (skip,) = read_all(tmp_path)

    assert len(captures) == 1
    assert (Path(skip.file).name, skip.line, skip.kind) == ("a.jsonl", 0, Kind.UNREADABLE)
    assert "No such file" in skip.reason


def test_skipped_lines_are_logged_by_default(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"{")

    assert list(read(tmp_path)) == []
    assert "a.jsonl, line 1: Invalid JSON" in caplog.text


def test_gzip_is_recognised_by_content_and_a_cut_one_reported(tmp_path: Path) -> None:
    # Many different records, so that the cut falls after some of them.
    zipped = gzip.compress(lines(*(record(event_id=f"{i * 7919 % 10007}") for i in range(5000))))
    (tmp_path / "a.jsonl").write_bytes(zipped)
    (tmp_path / "b.jsonl.gz").write_bytes(zipped[: len(zipped) // 2])
    captures, (skip,) = read_all(tmp_path)

    assert 5000 < len(captures) < 10_000
    assert skip.file.endswith("b.jsonl.gz")
    assert skip.line == len(captures) - 5000 + 1
    assert "gzip" in skip.reason


def test_a_long_line_in_a_small_gzip_is_not_held(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "a.jsonl.gz", "wb", compresslevel=1) as file:
        file.write(lines(record()))
        for _ in range(100):
            file.write(b"[" * 2**20)
        file.write(b"\n" + lines(record()))

    with python_memory_below(4 * MAX_BYTES):
        captures, (skip,) = read_all(tmp_path)

    assert [capture.line for capture in captures] == [1, 3]
    assert (skip.line, skip.kind) == (2, Kind.UNREADABLE)
    assert "longer than 16,777,216 bytes" in skip.reason


def test_the_largest_request_of_an_endpoint_is_read(tmp_path: Path) -> None:
    picture = PNG + bytes(6 * 2**20 - len(PNG))
    content = lines(with_input("BASE64", base64.b64encode(picture).decode()))

    (capture,), skips = read_bytes(content, tmp_path)

    assert skips == []
    assert capture.input == picture


def test_folders_are_read_at_any_depth_in_order_of_name(tmp_path: Path) -> None:
    for hour, name in (("14", "b"), ("09", "z")):
        folder = tmp_path / "e" / "AllTraffic" / "2024" / "10" / "15" / hour
        folder.mkdir(parents=True)
        (folder / f"{name}.jsonl").write_bytes(lines(record(event_id=name)))
    (tmp_path / "a.jsonl").write_bytes(lines(record(event_id="a")))
    (tmp_path / "notes.txt").write_text("no capture file")
    captures, skips = read_all(tmp_path)

    assert skips == []
    assert [each.event_id for each in captures] == ["a", "z", "b"]
    assert [each.endpoint for each in captures] == [None, "e", "e"]
    assert [each.variant for each in captures] == [None, "AllTraffic", "AllTraffic"]


def test_a_folder_that_is_not_there_is_named() -> None:
    with pytest.raises(FileNotFoundError, match="no/such/folder"):
        list(read("no/such/folder"))


def test_s3_objects_are_read_in_order_of_key_and_only_below_the_folder(client: "S3Client") -> None:
    count = 3 * OBJECTS_IN_FLIGHT
    for number in reversed(range(count)):
        key = f"captures/scones/AllTraffic/2024/10/15/{number % 24:02}/x.jsonl"
        client.put_object(Bucket="bucket", Key=key, Body=lines(record(event_id=str(number))))
    client.put_object(Bucket="bucket", Key="captures-old/x.jsonl", Body=lines(record()))
    client.put_object(Bucket="bucket", Key="captures/report.html", Body=b"no capture file")
    client.put_object(Bucket="bucket", Key="captures/zz.jsonl", Body=b"{")
    captures, skips = read_all("s3://bucket/captures/", client)

    assert [each.event_id for each in captures] == [str(number) for number in range(count)]
    assert {(each.endpoint, each.variant) for each in captures} == {("scones", "AllTraffic")}
    assert [(skip.file, skip.line) for skip in skips] == [("s3://bucket/captures/zz.jsonl", 1)]
    assert list(read("s3://bucket/never-called", s3_client=client)) == []


@pytest.mark.parametrize("folder", ["captures#2", "why?", "a+b %41", "/lead", "double//"])
def test_the_key_of_an_s3_folder_is_taken_as_it_is_written(client: "S3Client", folder: str) -> None:
    for name in ("captures", "lead", "double", "a b A", "why", folder.removesuffix("/")):
        client.put_object(Bucket="bucket", Key=f"{name}/x.jsonl", Body=lines(record()))

    (capture,) = read(f"s3://bucket/{folder}", s3_client=client)

    assert capture.file == f"s3://bucket/{folder.removesuffix('/')}/x.jsonl"
    with pytest.raises(S3UriError, match="names no bucket"):
        list(read("s3:///captures", s3_client=client))


def test_s3_objects_that_vanish_are_counted_and_large_ones_are_read(client: "S3Client") -> None:
    many = BYTES_IN_MEMORY // len(lines(record())) + 1
    client.put_object(Bucket="bucket", Key="captures/a.jsonl", Body=lines(record()) * many)
    client.put_object(Bucket="bucket", Key="captures/b.jsonl", Body=lines(record()))

    def vanish(params: dict[str, Any], **_: object) -> None:
        if params["Key"] == "captures/b.jsonl":
            client.delete_object(Bucket="bucket", Key="captures/b.jsonl")

    client.meta.events.register("provide-client-params.s3.GetObject", vanish)
    captures, (skip,) = read_all("s3://bucket/captures", client)

    assert len(captures) == many
    missing = ("s3://bucket/captures/b.jsonl", 0, Kind.UNREADABLE)
    assert (skip.file, skip.line, skip.kind) == missing
    assert "NoSuchKey" in skip.reason


def test_what_is_no_file_is_skipped_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jsonl")
    (tmp_path / "b.jsonl").symlink_to("/dev/zero")
    captures, skips = read_all(tmp_path)

    assert captures == []
    assert [Path(skip.file).name for skip in skips] == ["a.jsonl", "b.jsonl"]
    assert {skip.reason for skip in skips} == {"is not a file"}
