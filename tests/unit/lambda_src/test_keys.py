import csv
import io
import json
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.response import StreamingBody
from hypothesis import example, given
from hypothesis import strategies as st

from lambda_src.shared.bulk_parts import json_lines, line_of
from tests.unit.lambda_src.conftest import ImportHandler
from tests.unit.lambda_src.hostile import ODD_KEYS, fuzzed, within_bounds

ANY_TEXT = st.text(st.characters(exclude_categories=()), min_size=1, max_size=12)
KEY = (
    st.sampled_from([*ODD_KEYS, "bay/\ud800.png"])
    | ANY_TEXT
    | ANY_TEXT.map("{}/".format)
    | st.just("ü" * 600)
)


class Bucket:
    """S3 with the objects of a job; a key that S3 cannot have is refused as boto3 refuses it."""

    class exceptions:  # noqa: N801 - the name of boto3
        ClientError = ClientError

    def __init__(self, sizes: dict[str, int | None]) -> None:
        """`sizes` is by key of the manifest, with None for an object that is not there."""
        self.sizes = {
            key: size for key, size in sizes.items() if size is not None and possible(key)
        }
        manifest = json.dumps([{"prefix": "s3://data/"}, *sizes])
        self.objects = {"batch/input/one.json": manifest.encode()}

    def get_paginator(self, operation: str) -> "Bucket":
        assert operation == "list_objects_v2"
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> Iterator[Any]:
        assert len(Prefix.encode()) <= 1024
        found = sorted((key for key in self.sizes if key.startswith(Prefix)), key=str.encode)
        yield {"Contents": [{"Key": key, "Size": self.sizes[key]} for key in found]}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        Key.encode()
        if Key not in self.objects:
            code = "NoSuchKey" if Key.isprintable() else "404"
            raise ClientError({"Error": {"Code": code, "Message": ""}}, "GetObject")
        content = self.objects[Key]
        body = StreamingBody(io.BytesIO(content), len(content))
        return {"Body": body, "ContentLength": len(content)}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, **_: Any) -> None:
        self.objects[Key] = Body

    def upload_fileobj(self, file: Any, bucket: str, key: str) -> None:
        self.objects[key] = file.read()


def possible(key: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in key) and len(key.encode()) <= 1024


@pytest.fixture
def handlers(import_handler: ImportHandler) -> tuple[ModuleType, ModuleType]:
    return import_handler("check_manifest"), import_handler("write_predictions")


@fuzzed
@given(sizes=st.dictionaries(KEY, st.sampled_from([1, 0, None]), min_size=1, max_size=8))
@example(sizes={key: 0 if key.endswith("/") else 1 for key in ODD_KEYS})
def test_each_key_of_a_manifest_has_one_line_and_comes_back(
    handlers: tuple[ModuleType, ModuleType],
    monkeypatch: pytest.MonkeyPatch,
    sizes: dict[str, int | None],
) -> None:
    bucket = Bucket(sizes)
    folders = [key for key in sizes if key.endswith("/") and bucket.sizes.get(key) == 0]
    check_manifest, write_predictions = handlers
    for handler in handlers:
        monkeypatch.setattr(handler, "s3", bucket)
    event = {"bucket": "data", "output": "out", "job": "job"}

    with within_bounds():
        given_event = {**event, "key": "batch/input/one.json", "execution": "arn"}
        if len(folders) == len(sizes):
            with pytest.raises(check_manifest.InvalidManifest, match="names empty folders only"):
                check_manifest.lambda_handler(given_event, None)
            return
        checked = check_manifest.lambda_handler(given_event, None)
        _, *usable = json.loads(bucket.objects["out/manifest.json"])
        for key in usable:
            bucket.objects[f"out/raw/{key}.out"] = b'{"prediction": [0.07, 0.93]}'
        answer = write_predictions.lambda_handler({**event, **checked}, None)

    pictures = {key for key in sizes if key not in folders}
    assert set(usable) == {key for key in pictures if bucket.sizes.get(key, 0) > 0}
    lines = [json.loads(line) for line in bucket.objects["out/predictions.jsonl"].splitlines()]
    assert {line["key"] for line in lines} == pictures
    assert len(lines) == len(pictures) == answer["counts"]["images"]
    assert answer["counts"]["folders"] == len(folders)
    assert answer["counts"]["accepted"] == len(usable)
    json.dumps(answer, ensure_ascii=False).encode()  # as Lambda sends it

    table = bucket.objects["out/predictions.csv"].decode()
    rows = list(csv.DictReader(io.StringIO(table, newline="")))
    again = [
        line_of({"index": n, "item": row["key"], "quoted": True}) for n, row in enumerate(rows)
    ]
    escaped = [line["key"].encode(errors="backslashreplace").decode() for line in lines]
    assert [line["key"] for line in again] == escaped


@fuzzed
@given(keys=st.lists(KEY, max_size=8))
def test_a_line_of_a_bulk_run_has_its_key_whatever_that_is(keys: list[str]) -> None:
    lines = [line_of({"index": number, "item": key}) for number, key in enumerate(keys)]

    written = json_lines(lines)

    assert written.isascii()
    assert [json.loads(line) for line in written.splitlines()] == lines
    assert [line["key"] for line in lines] == keys
