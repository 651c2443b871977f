import io
import json
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from lambda_src.shared.bulk_parts import json_lines, part_key
from stacks.constructs.notifications.messages import MAX_NAMED
from tests.unit.lambda_src import objects
from tests.unit.lambda_src.conftest import ImportHandler
from tests.unit.lambda_src.events import EVENTS
from tests.unit.lambda_src.hostile import (
    DAMAGED_LINES,
    Mutated,
    answered,
    as_json,
    fuzzed_with_objects,
    mutated,
)

EVENT = EVENTS["summarize_bulk"]
RUN = EVENT["results"]


@pytest.fixture
def handler(import_handler: ImportHandler) -> Iterator[ModuleType]:
    with mock_aws():
        objects.s3().create_bucket(Bucket="artifacts")
        yield import_handler("summarize_bulk")


def put(key: str, body: bytes) -> dict[str, Any]:
    objects.put("artifacts", key, body)
    return {"Key": key, "Size": len(body)}


def results() -> list[dict[str, Any]]:
    return objects.lines("artifacts", f"{RUN}/results.jsonl")


def accepted(index: int) -> dict[str, Any]:
    return {
        "index": index,
        "key": f"{index}.png",
        "status": "accepted",
        "label": "bicycle",
        "confidence": 0.99,
        "inferences": [0.99, 0.01],
    }


def rejected(index: int) -> dict[str, Any]:
    return {**accepted(index), "status": "rejected", "reason": "best class ..."}


def batch(*lines: dict[str, Any]) -> dict[str, Any]:
    """Output of classify_batch, which has written these lines."""
    key = part_key("bulk/run", lines)
    put(key, json_lines(lines))
    return {"part": key, "first": lines[0]["index"]}


def failed_execution(indices: range, cause: str) -> dict[str, Any]:
    items = [{"index": index, "item": f"{index}.png"} for index in indices]
    return {
        "Status": "FAILED",
        "Error": "ClientError",
        "Cause": cause,
        "Input": json.dumps({"BatchInput": {"results": "bulk/run"}, "Items": items}),
    }


def write_map_run(
    succeeded: list[list[dict[str, Any]]], failed: list[dict[str, Any]] | None = None
) -> None:
    """The ResultWriter's files: one for each list of outputs."""
    files = {
        "SUCCEEDED": [
            put(f"{RUN}/map/x/SUCCEEDED_{number}.jsonl", json_lines(outputs))
            for number, outputs in enumerate(succeeded)
        ],
        "FAILED": [put(f"{RUN}/map/x/FAILED_0.jsonl", json_lines(failed))] if failed else [],
        "PENDING": [],
    }
    put(f"{RUN}/map/x/manifest.json", json.dumps({"ResultFiles": files}).encode())


def summarize(handler: Any, *, items: int, event: Any = EVENT) -> Any:
    run = {"itemCounts": {"total": items}}
    handler.stepfunctions = SimpleNamespace(describe_map_run=lambda mapRunArn: run)
    return handler.lambda_handler(event, None)


def counts(*, folders: int = 0, **verdicts: int) -> dict[str, int]:
    known = {"accepted": 0, "rejected": 0, "failed": 0} | verdicts
    return {"images": sum(known.values()), **known, "folders": folders}


def test_the_parts_become_one_file_in_the_order_of_the_pictures(handler: ModuleType) -> None:
    lines = [accepted(0), rejected(1), accepted(2), accepted(3), accepted(4)]
    write_map_run([[batch(*lines[3:5])], [batch(*lines[:2]), batch(lines[2])]])

    answer = summarize(handler, items=5)

    assert results() == lines
    assert answer["counts"] == counts(accepted=4, rejected=1)
    assert answer["location"] == "s3://artifacts/bulk/run/results.jsonl"
    body = {"s3_bucket": "pictures", "s3_key": "1.png", "reason": "best class ..."}
    assert answer["results"] == [{"verdict": "rejected", "body": body}]
    summary = json.loads(objects.get("artifacts", f"{RUN}/summary.json"))
    assert summary["counts"] == answer["counts"]
    assert (summary["source"], summary["execution"]) == ("s3://pictures/all/", "arn:execution")


def folder(index: int) -> dict[str, Any]:
    return {"index": index, "key": f"{index}/", "status": "folder"}


def test_folders_are_counted_and_have_no_line(handler: ModuleType) -> None:
    write_map_run([[batch(folder(0), rejected(1)), batch(folder(2)), batch(accepted(3))]])

    answer = summarize(handler, items=4)

    assert results() == [rejected(1), accepted(3)]
    assert answer["counts"] == counts(accepted=1, rejected=1, folders=2)
    assert [each["verdict"] for each in answer["results"]] == ["rejected"]


@pytest.mark.parametrize(("folders", "said"), [(0, "no picture found"), (2, "only 2 empty fold")])
def test_folders_alone_are_nothing_to_classify(
    handler: ModuleType, folders: int, said: str
) -> None:
    if folders:
        write_map_run([[batch(*map(folder, range(folders)))]])

    with pytest.raises(handler.NothingToClassify, match=f"s3://pictures/all/: {said}"):
        summarize(handler, items=folders)


def test_pictures_of_a_batch_that_failed_have_a_line_that_says_so(handler: ModuleType) -> None:
    cause = json.dumps({"errorMessage": "Endpoint not found", "errorType": "ClientError"})
    broken = failed_execution(range(1, 4), cause)
    # What it had finished before.
    put(part_key("bulk/run", json.loads(broken["Input"])["Items"]), json_lines([accepted(2)]))
    write_map_run([[batch(accepted(0))]], [broken])

    answer = summarize(handler, items=4)

    fault = {"status": "failed", "error": "ClientError", "reason": "Endpoint not found"}
    assert results() == [
        accepted(0),
        {"index": 1, "key": "1.png", **fault},
        accepted(2),
        {"index": 3, "key": "3.png", **fault},
    ]
    assert answer["counts"] == counts(accepted=2, failed=2)
    assert answer["results"][0] == {
        "verdict": "failed",
        "error": "ClientError",
        "cause": "Endpoint not found",
        "body": {"s3_bucket": "pictures", "s3_key": "1.png"},
    }


TIMED_OUT = "Task timed out after 300.00 seconds"
MAX_CAUSE = 32_768  # Step Functions cuts off what is longer


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        ("Task timed out", "Task timed out"),
        (f'Returned payload: {{"errorMessage":"{TIMED_OUT}"}}', TIMED_OUT),
        (json.dumps({"errorMessage": "why", "stackTrace": ["x" * MAX_CAUSE]})[:MAX_CAUSE], "why"),
        ('{"errorMessage": "cut off \\u00', r"cut off \u00"),
        (r'{"errorMessage": "\"a\" \u00fc \ud83d\udeb2 \ud800"}', '"a" \u00fc \U0001f6b2 \\ud800'),
        ("[" * MAX_CAUSE, "[" * 250),
        ('{"errorMessage": null}', '{"errorMessage": null}'),
        ('{"errorMessage": ""}', '{"errorMessage": ""}'),
        ('["errorMessage"]', '["errorMessage"]'),
        ("", "no cause was reported"),
        (None, "no cause was reported"),
    ],
)
def test_a_cause_may_be_any_text_or_missing(
    handler: ModuleType, cause: str | None, said: str
) -> None:
    broken = failed_execution(range(1), cause or "")
    if cause is None:
        del broken["Cause"], broken["Error"]
    write_map_run([], [broken])

    (line,) = summarize(handler, items=1)["results"]

    error = "FAILED" if cause is None else "ClientError"
    assert (line["error"], line["cause"]) == (error, said)


def test_more_parts_than_are_read_at_a_time(handler: ModuleType) -> None:
    pictures = 3 * handler.THREADS + 1
    write_map_run([[batch(accepted(index)) for index in range(pictures)]])

    assert summarize(handler, items=pictures)["counts"]["accepted"] == pictures
    assert len(results()) == pictures


@pytest.mark.parametrize(
    ("lines", "items", "said"),
    [
        ([0, 1, 2], 4, "has 3 lines for the 4 pictures"),
        ([0, 2], 2, "the line after 1 pictures is that of picture 2"),
        ([0, 0], 2, "the line after 1 pictures is that of picture 0"),
    ],
)
def test_every_picture_has_exactly_one_line(
    handler: ModuleType, lines: list[int], items: int, said: str
) -> None:
    write_map_run([[batch(accepted(index)) for index in lines]])

    with pytest.raises(handler.ResultsIncomplete, match=said):
        summarize(handler, items=items)

    assert f"{RUN}/summary.json" not in objects.keys("artifacts")


def test_the_message_names_as_many_as_the_workflows(handler: ModuleType) -> None:
    write_map_run([[batch(*map(rejected, range(30)))]])

    answer = summarize(handler, items=30)

    assert (len(answer["results"]), answer["counts"]) == (MAX_NAMED, counts(rejected=30))


def test_what_the_message_names_fits_into_a_state(handler: ModuleType) -> None:
    key, count = "\x01" * 1024, 30  # of the most bytes in JSON
    reason = {"error": "ImageNotFound", "reason": f"s3://pictures/{key}: NoSuchKey"}
    lines = [
        *({**rejected(index), "key": key} for index in range(count)),
        *({"index": count + n, "key": key, "status": "failed", **reason} for n in range(count)),
    ]
    write_map_run([[batch(*lines)]])

    answer = summarize(handler, items=len(lines))

    assert {result["verdict"] for result in answer["results"]} == {"rejected", "failed"}
    assert len(json.dumps(answer)) < 256 * 1024 - 8 * 1024


# --- what is damaged -----------------------------------------------------------------------------


@pytest.mark.parametrize("line", DAMAGED_LINES.values(), ids=DAMAGED_LINES)
def test_a_damaged_part_is_said_and_can_be_made_again(handler: ModuleType, line: bytes) -> None:
    whole, damaged = batch(accepted(0)), batch(accepted(1), accepted(2))
    put(damaged["part"], json_lines([accepted(1)]) + line)
    write_map_run([[whole, damaged]])

    says = f"{damaged['part']} is gone or damaged; .* scones classify --resume run$"
    with pytest.raises(handler.ResultsIncomplete, match=says):
        summarize(handler, items=3)


OTHER = json_lines([{**accepted(1), "key": "other.png"}])


@pytest.mark.parametrize(
    "content",
    [OTHER, *(json_lines([accepted(1)]) + line for line in DAMAGED_LINES.values())],
    ids=["of other pictures", *DAMAGED_LINES],
)
def test_pictures_of_a_failed_batch_whose_part_is_damaged_are_counted(
    handler: ModuleType, content: bytes
) -> None:
    broken = failed_execution(range(2), "why")
    put(part_key(RUN, json.loads(broken["Input"])["Items"]), content)
    write_map_run([], [broken])

    assert summarize(handler, items=2)["counts"]["failed"] == 2


@pytest.mark.parametrize("name", ["manifest.json", "SUCCEEDED_0.jsonl", "FAILED_0.jsonl"])
@pytest.mark.parametrize(
    "content", [None, b"{", b"\x1f\x8b", b"[" * 100_000, b"[]", b'{"ResultFiles": 1}']
)
def test_a_file_of_the_result_writer_that_is_gone_or_damaged_is_named(
    handler: ModuleType, name: str, content: bytes | None
) -> None:
    write_map_run([[batch(accepted(0))]], [failed_execution(range(1, 2), "why")])
    objects.s3().delete_object(Bucket="artifacts", Key=f"{RUN}/map/x/{name}")
    if content is not None:
        put(f"{RUN}/map/x/{name}", content)

    says = r"^s3://artifacts/bulk/run/map/x/manifest.json, or a file .* is gone or damaged: .* run$"
    with pytest.raises(handler.ResultsIncomplete, match=says):
        summarize(handler, items=2)


def test_a_key_that_lambda_cannot_send_is_escaped_in_the_answer(handler: ModuleType) -> None:
    lone = {"index": 0, "key": "\ud800.png", "status": "failed", "error": "E", "reason": "\ud800"}
    write_map_run([[batch(lone)]])

    answer = answered(lambda event, _: summarize(handler, items=1), Mutated(EVENT))

    assert answer["results"][0]["body"]["s3_key"] == "\\ud800.png"


PART = [
    accepted(0),
    rejected(1),
    {"index": 2, "key": None, "status": "failed", "error": "E", "reason": "r"},
]


@fuzzed_with_objects
@given(
    event=mutated(EVENT),
    lines=st.lists(st.sampled_from(PART), max_size=3).flatmap(mutated) | mutated(PART),
    failed=mutated(failed_execution(range(3, 4), "why")),
)
def test_any_event_and_files_are_summed_up_or_have_a_named_error(
    handler: ModuleType, event: Mutated, lines: Mutated, failed: Mutated
) -> None:
    key = part_key("bulk/run", PART)
    each = lines.value if isinstance(lines.value, list) else [lines.value]
    put(key, b"\n".join(as_json(Mutated(line)) for line in each))
    write_map_run([[{"part": key, "first": 0}]], [{}])
    put(f"{RUN}/map/x/FAILED_0.jsonl", as_json(failed))

    allowed = ("InvalidEvent", "ResultsIncomplete", "NoSuchBucket", "NoSuchKey")
    answer = answered(lambda given, _: summarize(handler, items=4, event=given), event, *allowed)

    if not isinstance(answer, Exception):
        assert sum(answer["counts"].values()) == 2 * 4


# --- the file that is uploaded -------------------------------------------------------------------

CHUNKS = (b"one\n", b"", b"two and three\n", b"4")


@pytest.mark.parametrize("size", [1, 3, 4, 5, 100, -1])
def test_a_stream_reads_as_a_file_of_all_chunks_would(handler: ModuleType, size: int) -> None:
    stream = io.BufferedReader(handler.Stream(iter(CHUNKS)), buffer_size=3)
    file = io.BytesIO(b"".join(CHUNKS))

    while wanted := file.read(size):
        assert stream.read(size) == wanted
    assert stream.read(size) == b""


def test_a_chunk_is_made_when_it_is_needed(handler: ModuleType) -> None:
    made = 0

    def chunks() -> Iterator[bytes]:
        nonlocal made
        while True:
            made += 1
            yield b"x" * 100

    io.BufferedReader(handler.Stream(chunks()), buffer_size=10).read(250)

    assert made == 3
