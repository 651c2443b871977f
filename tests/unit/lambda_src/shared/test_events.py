from functools import partial
from typing import Any

import pytest
from hypothesis import given

from lambda_src.shared import events
from tests.unit.lambda_src.hostile import Mutated, fuzzed, mutated, nested, outcome

EVENT = {
    "text": "a",
    "bucket": "my-bucket.1",
    "key": "\u00fc" * 512,
    "number": 3,
    "mapping": {"a": 1},
    "sequence": [1],
    "texts": ["a"],
}
READERS = {
    "text": events.text,
    "bucket": events.bucket_name,
    "key": events.object_key,
    "number": events.whole_number,
    "mapping": events.mapping,
    "sequence": events.sequence,
    "texts": events.texts,
}


@pytest.mark.parametrize("name", EVENT)
def test_a_value_of_its_type_is_returned(name: str) -> None:
    assert READERS[name](EVENT, name) == EVENT[name]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("text", 7, "text is 7; expected a string"),
        ("text", "", "text is ''; expected a non-empty string"),
        ("text", "\ud800.png", r"text is '\ud800.png'; expected a string without lone surrogates"),
        ("number", True, "number is True; expected a whole number"),
        ("number", -1, "number is -1; expected a whole number"),
        ("number", 1.0, "number is 1.0; expected a whole number"),
        ("number", 2**63, f"number is {2**63}; expected a whole number"),
        ("mapping", [1], "mapping is [1]; expected an object"),
        ("mapping", [[[[[1]]]]], "mapping is [[[[...]]]]; expected an object"),
        ("sequence", {}, "sequence is {}; expected a list"),
        ("texts", ["a", 1], "texts is ['a', 1]; expected a list of strings"),
    ],
)
def test_another_value_is_named_and_what_is_expected(name: str, value: Any, message: str) -> None:
    with pytest.raises(events.InvalidEvent) as caught:
        READERS[name]({name: value}, name)

    assert str(caught.value).startswith(message)


def test_a_huge_integer_can_be_named() -> None:
    huge = 10**5000  # more digits than Python writes

    with pytest.raises(events.InvalidEvent, match="^number is a value of type int with a huge int"):
        events.whole_number({"number": huge}, "number")
    with pytest.raises(events.InvalidEvent, match="^text is a value of type list with a huge int"):
        events.text({"text": [huge]}, "text")


@pytest.mark.parametrize("event", [None, [], "text", 7])
def test_an_event_that_is_no_object_is_named(event: Any) -> None:
    with pytest.raises(events.InvalidEvent, match=r"^found .*; expected an object with a$"):
        events.text(event, "a")


@pytest.mark.parametrize(
    "name",
    [
        *("my pictures", "Pictures", "my_pictures", "ab", "a" * 64, "-ab", "ab-", "a/b", "s3://ab"),
        "arn:aws:s3:us-west-2:111122223333:accesspoint/other",
        "arn:aws:s3-outposts:us-west-2:111122223333:outpost/op-1/accesspoint/other",
        "other-metadataknwz6f1jbyqxznunp8ppgcpqg4o9usw2a-s3alias",
        "other--ol-s3",
        "other--usw2-az1--x-s3",
        "other--table-s3",
        "m0123456789.mrap",
    ],
)
def test_what_is_no_general_purpose_bucket_is_refused(name: str) -> None:
    with pytest.raises(events.InvalidEvent, match="expected the name of a general purpose bucket"):
        events.bucket_name({"s3_bucket": name}, "s3_bucket")


def test_a_digest_is_that_of_the_sorted_json() -> None:
    expected = "816f7071c4afa3162743dfb2d4b2996ffb4efdaffac965ff8881cd5a96d301fe"
    assert events.digest({"b": 1, "a": "\ud800"}) == expected
    assert events.digest({"a": "\ud800", "b": 1}) == expected


@pytest.mark.parametrize(
    "value",
    [b"bytes", {1: 2, "a": 3}, nested(list), 10**5000],
    ids=["bytes", "keys", "depth", "digits"],
)
def test_what_is_no_json_has_no_digest(value: Any) -> None:
    with pytest.raises(events.InvalidEvent, match=r"^a value of the event is .*; expected JSON \("):
        events.digest(value)


@fuzzed
@given(event=mutated(EVENT))
def test_any_event_is_read_or_refused(event: Mutated) -> None:
    for name, read in READERS.items():
        outcome(partial(read, event.value, name), "InvalidEvent")
