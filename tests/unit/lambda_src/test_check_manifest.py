import json
import uuid
from collections.abc import Iterator
from types import ModuleType
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from tests.unit.lambda_src import objects
from tests.unit.lambda_src.conftest import ImportHandler
from tests.unit.lambda_src.events import EVENTS
from tests.unit.lambda_src.hostile import Mutated, answered, as_json, fuzzed, mutated, within_bounds

PREFIX = {"prefix": "s3://data/pictures/"}
EVENT = EVENTS["check_manifest"]
KEY, OUTPUT = EVENT["key"], EVENT["output"]


@pytest.fixture
def handler(import_handler: ImportHandler) -> Iterator[ModuleType]:
    with mock_aws():
        objects.s3().create_bucket(Bucket="data")
        yield import_handler("check_manifest")


def put(*names: str, body: bytes = b"picture") -> None:
    for name in names:
        objects.put("data", f"pictures/{name}", body)


def check(handler: ModuleType, content: Any, **changed: str) -> dict[str, Any]:
    objects.put("data", KEY, content if isinstance(content, bytes) else json.dumps(content))
    answer: dict[str, Any] = handler.lambda_handler({**EVENT, **changed}, None)
    return answer


def handed_on() -> list[str]:
    keys: list[str]
    prefix, *keys = json.loads(objects.get("data", f"{OUTPUT}/manifest.json"))
    assert prefix == {"prefix": "s3://data/"}
    return keys


def failed() -> list[dict[str, str]]:
    return objects.lines("data", f"{OUTPUT}/failed.jsonl")


def test_usable_pictures_are_handed_on_by_their_whole_keys(handler: ModuleType) -> None:
    put("a/one.png", "b/ü one.png", "other.png")

    answer = check(handler, [PREFIX, "b/ü one.png", "a/one.png"])

    assert answer == {"usable": 2, "failed": 0, "folders": 0}
    assert handed_on() == ["pictures/b/ü one.png", "pictures/a/one.png"]
    assert failed() == []


def test_pictures_that_cannot_be_transformed_are_kept_from_the_job(handler: ModuleType) -> None:
    put("good.png")
    put("empty.png", body=b"")
    put("just.png", body=b"." * handler.MAX_IMAGE_BYTES)
    put("large.png", body=b"." * (handler.MAX_IMAGE_BYTES + 1))

    answer = check(handler, [PREFIX, "gone.png", "good.png", "empty.png", "just.png", "large.png"])

    assert answer == {"usable": 2, "failed": 3, "folders": 0}
    assert handed_on() == ["pictures/good.png", "pictures/just.png"]
    assert [(each["key"], each["error"]) for each in failed()] == [
        ("pictures/gone.png", "ImageNotFound"),
        ("pictures/empty.png", "ImageEmpty"),
        ("pictures/large.png", "ImageTooLarge"),
    ]
    assert "6,291,457 bytes; the model takes at most 6,291,456" in failed()[2]["reason"]


def test_empty_folders_of_the_console_are_neither_usable_nor_failed(handler: ModuleType) -> None:
    put("good.png", "not empty/")
    put("week 28/", body=b"")

    answer = check(handler, [PREFIX, "week 28/", "good.png", "not empty/", "gone/"])

    assert answer == {"usable": 2, "failed": 1, "folders": 1}
    assert handed_on() == ["pictures/good.png", "pictures/not empty/"]
    with pytest.raises(handler.InvalidManifest, match="names empty folders only"):
        check(handler, [PREFIX, "week 28/"])


@pytest.mark.parametrize("others", [[], ["good.png"]])
@pytest.mark.parametrize("name", ["\ud800.png", "ü" * 600])
def test_a_key_that_s3_cannot_have_fails_alone(
    handler: ModuleType, name: str, others: list[str]
) -> None:
    put("good.png")

    answer = check(handler, [PREFIX, name, *others])

    assert answer == {"usable": len(others), "failed": 1, "folders": 0}
    (fault,) = failed()
    assert (fault["key"], fault["error"]) == (f"pictures/{name}", "ImageNotFound")


def test_pictures_beyond_one_page_of_a_listing_are_found(
    handler: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "3")
    names = [f"{number:02}.png" for number in range(10)]
    put(*names)

    answer = check(handler, [PREFIX, *names[1:], "99.png"])

    assert answer == {"usable": 9, "failed": 1, "folders": 0}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"one.png\ntwo.png", r"s3://data/batch/input/one.json is not JSON: .*; expected \[\{"),
        (b"[" * 100_000, "is not JSON: maximum recursion depth exceeded.*; expected"),
        (["one.png"], "is not of the form"),
        ({"prefix": "s3://data/"}, "is not of the form"),
        ([{"prefix": "s3://data/", "more": 1}, "one.png"], "is not of the form"),
        ([{"prefix": 1}, "one.png"], "is not of the form"),
        ([PREFIX], "names no picture"),
        ([PREFIX, "one.png", 2], "every picture must be a string"),
        ([PREFIX, ""], "every picture must be a string"),
        (
            [{"prefix": "s3://other/"}, "1"],
            "names 's3://other/1'; .* in the data bucket, s3://data/",
        ),
        ([{"prefix": "s3://data"}, "base/one.png"], "names 's3://database/one.png'"),
        ([PREFIX, "one.png", "two.png", "one.png"], "names 'pictures/one.png' 2 times"),
    ],
)
def test_what_is_no_usable_manifest_is_refused_in_words(
    handler: ModuleType, content: Any, words: str
) -> None:
    with pytest.raises(handler.InvalidManifest, match=words):
        check(handler, content)


def test_a_manifest_that_another_one_replaced_is_not_taken_for_it(handler: ModuleType) -> None:
    put("one.png")
    etags = []
    for manifest in ([PREFIX, "gone.png"], [PREFIX, "one.png"]):
        stored = objects.s3().put_object(Bucket="data", Key=KEY, Body=json.dumps(manifest))
        etags.append(stored["ETag"].strip('"'))

    says = f"s3://data/{KEY}: another manifest replaced"
    with pytest.raises(handler.InvalidManifest, match=says):
        check(handler, manifest, output="batch/output/1", etag=etags[0])

    newest = check(handler, manifest, output="batch/output/2", etag=etags[1])
    assert newest == {"usable": 1, "failed": 0, "folders": 0}


def test_a_manifest_that_is_not_there_is_named(handler: ModuleType) -> None:
    with pytest.raises(handler.InvalidManifest, match="s3://data/gone.json: the object does not"):
        handler.lambda_handler({**EVENT, "key": "gone.json"}, None)


def test_what_is_too_much_for_one_job_is_to_be_split(
    handler: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(handler, "MAX_PICTURES", 2)
        with pytest.raises(handler.InvalidManifest, match="3 pictures; .* at most 2: split it"):
            check(handler, [PREFIX, "1", "2", "3"])
    monkeypatch.setattr(handler, "MAX_MANIFEST_BYTES", 10)
    with pytest.raises(handler.InvalidManifest, match="bytes; .* at most 10: split it"):
        check(handler, [PREFIX, "1"])


def test_an_event_that_is_delivered_twice_is_left_to_the_first_execution(
    handler: ModuleType,
) -> None:
    put("one.png", "two.png")
    first = check(handler, [PREFIX, "one.png"])

    assert check(handler, [PREFIX, "one.png"]) == first  # the same execution again
    answer = check(handler, [PREFIX, "one.png", "two.png"], execution="arn:second")

    assert answer == {"duplicate_of": "arn:first"}
    assert handed_on() == ["pictures/one.png"]


def test_a_duplicate_of_what_is_no_manifest_is_not_reported_again(handler: ModuleType) -> None:
    with pytest.raises(handler.InvalidManifest):
        check(handler, b"no manifest")

    assert check(handler, b"no manifest", execution="arn:second") == {"duplicate_of": "arn:first"}


def test_another_refusal_of_s3_is_not_taken_for_a_duplicate(
    handler: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = ClientError({"Error": {"Code": "AccessDenied"}}, "PutObject")
    monkeypatch.setattr(handler.s3, "put_object", Mock(side_effect=refusal))

    with pytest.raises(ClientError, match="AccessDenied"):
        handler.lambda_handler(EVENT, None)


def test_a_small_manifest_that_would_fill_the_memory_is_refused_before_it_is_read(
    handler: ModuleType,
) -> None:
    content = b"[" + b",".join([b"[[]]"] * (handler.MAX_SEPARATORS // 2)) + b"]"

    says = "more than 1,000,000 commas and brackets"
    with within_bounds(), pytest.raises(handler.InvalidManifest, match=says):
        check(handler, content)


@fuzzed
@given(
    event=mutated({**EVENT, "etag": None}),
    content=mutated([PREFIX, "one.png", "a/two.png"]),
    cut=st.integers(0, 40) | st.none(),
)
def test_any_event_and_manifest_are_checked_or_have_a_named_error(
    handler: ModuleType, event: Mutated, content: Mutated, cut: int | None
) -> None:
    written = as_json(content)[:cut]
    objects.put("data", KEY, written)
    if isinstance(event.value, dict) and event.value.get("output") == OUTPUT:
        event.value["output"] = f"batch/output/{uuid.uuid4()}"  # not that of an earlier execution

    allowed = ("InvalidEvent", "InvalidManifest", "NoSuchBucket")
    answer = answered(handler.lambda_handler, event, *allowed)

    if not isinstance(answer, Exception) and "duplicate_of" not in answer:
        _, *names = json.loads(written)
        assert sum(answer.values()) == len(names)
