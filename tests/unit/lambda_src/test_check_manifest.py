import json
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

PREFIX = {"prefix": "s3://data/pictures/"}


@pytest.fixture
def handler(import_handler: Any) -> Iterator[ModuleType]:
    with mock_aws():
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="data")
        yield import_handler("check_manifest")


def put(key: str, body: bytes = b"picture") -> None:
    boto3.client("s3", region_name="us-east-1").put_object(Bucket="data", Key=key, Body=body)


def read(key: str) -> str:
    found = boto3.client("s3", region_name="us-east-1").get_object(Bucket="data", Key=key)
    return found["Body"].read().decode()


def check(handler: ModuleType, content: Any, *, execution: str = "arn:first") -> dict[str, Any]:
    put("batch/input/one.json", content if isinstance(content, bytes) else dumped(content))
    event = {
        "bucket": "data",
        "key": "batch/input/one.json",
        "output": "batch/output/job",
        "execution": execution,
    }
    answer: dict[str, Any] = handler.lambda_handler(event, None)
    return answer


def dumped(content: Any) -> bytes:
    return json.dumps(content).encode()


def test_usable_pictures_are_handed_on_by_their_whole_keys(handler: ModuleType) -> None:
    for key in ("a/one.png", "b/ü one.png", "other.png"):
        put(f"pictures/{key}")

    answer = check(handler, [PREFIX, "b/ü one.png", "a/one.png"])

    assert answer == {"usable": 2, "failed": 0, "folders": 0}
    assert json.loads(read("batch/output/job/manifest.json")) == [
        {"prefix": "s3://data/"},
        "pictures/b/ü one.png",
        "pictures/a/one.png",
    ]
    assert read("batch/output/job/failed.jsonl") == ""


def test_pictures_that_cannot_be_transformed_are_kept_from_the_job(handler: ModuleType) -> None:
    put("pictures/good.png")
    put("pictures/empty.png", b"")
    put("pictures/just.png", b"." * handler.MAX_PICTURE_BYTES)
    put("pictures/large.png", b"." * (handler.MAX_PICTURE_BYTES + 1))

    names = ["gone.png", "good.png", "empty.png", "just.png", "large.png"]
    answer = check(handler, [PREFIX, *names])

    assert answer == {"usable": 2, "failed": 3, "folders": 0}
    assert json.loads(read("batch/output/job/manifest.json"))[1:] == [
        "pictures/good.png",
        "pictures/just.png",
    ]
    failed = [json.loads(line) for line in read("batch/output/job/failed.jsonl").splitlines()]
    assert [(each["key"], each["error"]) for each in failed] == [
        ("pictures/gone.png", "ImageNotFound"),
        ("pictures/empty.png", "ImageEmpty"),
        ("pictures/large.png", "ImageTooLarge"),
    ]
    assert "6,291,457 bytes; the model takes at most 6,291,456" in failed[2]["reason"]


def test_empty_folders_of_the_console_are_neither_usable_nor_failed(handler: ModuleType) -> None:
    put("pictures/good.png")
    put("pictures/week 28/", b"")
    put("pictures/not empty/")

    answer = check(handler, [PREFIX, "week 28/", "good.png", "not empty/", "gone/"])

    assert answer == {"usable": 2, "failed": 1, "folders": 1}
    assert json.loads(read("batch/output/job/manifest.json"))[1:] == [
        "pictures/good.png",
        "pictures/not empty/",
    ]
    with pytest.raises(handler.InvalidManifest, match="names empty folders only"):
        check(handler, [PREFIX, "week 28/"])


@pytest.mark.parametrize("others", [[], ["good.png"]])
@pytest.mark.parametrize("name", ["\ud800.png", "ü" * 600])
def test_a_key_that_s3_cannot_have_fails_alone(
    handler: ModuleType, name: str, others: list[str]
) -> None:
    put("pictures/good.png")

    answer = check(handler, [PREFIX, name, *others])

    assert answer == {"usable": len(others), "failed": 1, "folders": 0}
    (failed,) = map(json.loads, read("batch/output/job/failed.jsonl").splitlines())
    assert (failed["key"], failed["error"]) == (f"pictures/{name}", "ImageNotFound")


def test_pictures_beyond_one_page_of_a_listing_are_found(
    handler: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "3")
    names = [f"{number:02}.png" for number in range(10)]
    for name in names:
        put(f"pictures/{name}")

    assert check(handler, [PREFIX, *names[1:], "99.png"]) == {
        "usable": 9,
        "failed": 1,
        "folders": 0,
    }


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"one.png\ntwo.png", r"s3://data/batch/input/one.json is no JSON: .*; expected \[\{"),
        (b"[" * 100_000, "is no JSON: maximum recursion depth exceeded.*; expected"),
        (["one.png"], "is not of the form"),
        ({"prefix": "s3://data/"}, "is not of the form"),
        ([{"prefix": "s3://data/", "more": 1}, "one.png"], "is not of the form"),
        ([{"prefix": 1}, "one.png"], "is not of the form"),
        ([PREFIX], "names no picture"),
        ([PREFIX, "one.png", 2], "every picture is a text"),
        ([PREFIX, ""], "every picture is a text"),
        (
            [{"prefix": "s3://elsewhere/"}, "one.png"],
            "names s3://elsewhere/one.png; pictures have to be in the data bucket, s3://data/",
        ),
        ([{"prefix": "s3://data"}, "base/one.png"], "names s3://database/one.png"),
        ([PREFIX, "one.png", "two.png", "one.png"], "names pictures/one.png 2 times"),
    ],
)
def test_what_is_no_usable_manifest_is_refused_in_words(
    handler: ModuleType, content: Any, words: str
) -> None:
    with pytest.raises(handler.InvalidManifest, match=words):
        check(handler, content)


def test_a_manifest_that_another_one_replaced_is_not_taken_for_it(handler: ModuleType) -> None:
    put("pictures/one.png")
    client = boto3.client("s3", region_name="us-east-1")
    key = "batch/input/one.json"
    etags = [
        client.put_object(Bucket="data", Key=key, Body=dumped([PREFIX, name]))["ETag"].strip('"')
        for name in ("gone.png", "one.png")
    ]
    event = {"bucket": "data", "key": key, "execution": "arn:first"}

    with pytest.raises(handler.InvalidManifest, match=f"s3://data/{key}: another manifest was put"):
        handler.lambda_handler({**event, "output": "batch/output/1", "etag": etags[0]}, None)

    newest = {**event, "output": "batch/output/2", "etag": etags[1]}
    assert handler.lambda_handler(newest, None) == {"usable": 1, "failed": 0, "folders": 0}


def test_a_manifest_that_is_not_there_is_named(handler: ModuleType) -> None:
    event = {"bucket": "data", "key": "gone.json", "output": "batch/output/job", "execution": "arn"}

    with pytest.raises(handler.InvalidManifest, match="s3://data/gone.json: there is no such obj"):
        handler.lambda_handler(event, None)


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
    put("pictures/one.png")
    check(handler, [PREFIX, "one.png"])
    before = read("batch/output/job/manifest.json")

    answer = check(handler, [PREFIX, "one.png", "two.png"], execution="arn:second")

    assert answer == {"duplicate_of": "arn:first"}
    assert read("batch/output/job/manifest.json") == before


def test_a_duplicate_of_what_is_no_manifest_is_not_told_of_again(handler: ModuleType) -> None:
    with pytest.raises(handler.InvalidManifest):
        check(handler, b"no manifest")

    assert check(handler, b"no manifest", execution="arn:second") == {"duplicate_of": "arn:first"}


def test_a_second_call_of_the_same_execution_goes_on(handler: ModuleType) -> None:
    put("pictures/one.png")

    answers = [check(handler, [PREFIX, "one.png"]) for _ in range(2)]

    assert answers == [{"usable": 1, "failed": 0, "folders": 0}] * 2


def test_another_refusal_of_s3_is_not_taken_for_a_duplicate(
    handler: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "PutObject")

    monkeypatch.setattr(handler.s3, "put_object", refuse)

    with pytest.raises(ClientError, match="AccessDenied"):
        handler.lambda_handler(
            {"bucket": "data", "key": "k", "output": "o", "execution": "arn:first"}, None
        )
