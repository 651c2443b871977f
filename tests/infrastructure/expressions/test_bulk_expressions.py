"""The bulk state machine reads its input as intended, by an evaluator of JSONata."""

from typing import Any

import pytest

from stacks.constructs.batch import bulk_expressions as expressions
from stacks.constructs.common.jsonata import INPUT_IS_USABLE
from stacks.constructs.notifications.messages import of_results
from tests.infrastructure.expressions.evaluation import evaluate

A = {"prefix": "s3://pictures/a"}
READ_INPUT = expressions.read_input("pictures", "artifacts")


def read(given: Any) -> Any:
    context = {"Execution": {"Name": "this-run", "Id": "arn:this"}}
    return evaluate(READ_INPUT, {"input": given, "context": context})


@pytest.mark.parametrize(
    ("given", "listing", "key", "results"),
    [
        ({"prefix": "s3://pictures/a/b/"}, "prefix", "a/b/", "bulk/this-run"),
        ({"prefix": "s3://pictures/week 2"}, "prefix", "week 2/", "bulk/this-run"),
        ({"prefix": "s3://pictures/a//"}, "prefix", "a//", "bulk/this-run"),
        ({"prefix": "s3://pictures//"}, "prefix", "/", "bulk/this-run"),
        ({"prefix": "s3://pictures"}, "prefix", "", "bulk/this-run"),
        ({"prefix": "s3://pictures/"}, "prefix", "", "bulk/this-run"),
        ({"prefix": "s3://pictures/x.csv"}, "prefix", "x.csv/", "bulk/this-run"),
        ({"manifest": "s3://pictures/a/list.CSV"}, "csv", "a/list.CSV", "bulk/this-run"),
        ({"manifest": "s3://pictures/l.jsonl"}, "jsonl", "l.jsonl", "bulk/this-run"),
        (A | {"results": "s3://artifacts/bulk/old_1"}, "prefix", "a/", "bulk/old_1"),
        (A | {"results": "s3://artifacts/bulk/old_1/"}, "prefix", "a/", "bulk/old_1"),
    ],
)
def test_what_is_usable(given: dict[str, str], listing: str, key: str, results: str) -> None:
    read_ = read(given)

    assert read_ == {
        "listing": listing,
        "key": key,
        "source": given.get("prefix") or given["manifest"],
        "results": results,
    }
    assert evaluate(INPUT_IS_USABLE, {"input": read_}) is True


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, 'the input is {}; expected {"prefix": "s3://pictures/..."} or {"manifest"'),
        ([], "the input is []"),
        ("s3://pictures/", "the input is s3://pictures/; expected"),
        ({"prefix": 7}, "expected"),
        ({"prefix": ""}, 'the input is {"prefix":""}; expected'),
        ({"prefix": None}, "expected"),
        ({"prefix": ["s3://pictures/a"]}, "expected"),
        ([{"prefix": "s3://pictures/a"}], "expected"),
        (7, "the input is 7; expected"),
        (True, "the input is true; expected"),
        (None, "the input is null; expected"),
        ({"prefix": "s3://pictures/a", "manifest": "s3://pictures/b.csv"}, "expected"),
        ({"prefix": "s3://other/a/"}, "s3://other/a/ is not in the data bucket, the only"),
        ({"prefix": "s3://pictures-2/a/"}, "is not in the data bucket"),
        ({"prefix": "s3://picture"}, "is not in the data bucket"),
        ({"manifest": "s3://pictures"}, "is neither .csv"),
        ({"prefix": "s3://other/\ud800\x01"}, r"s3://other/\ud800\u0001 is not in the data bucket"),
        ({"manifest": "s3://other/a.csv"}, "name it as s3://pictures/..."),
        ({"manifest": "s3://pictures/a.txt"}, "s3://pictures/a.txt is neither .csv (with a header"),
        ({"manifest": "s3://pictures/prefix"}, "is neither .csv"),
        (A | {"results": "s3://artifacts/x"}, "results is s3://artifacts/x; expected s3://artifac"),
        (A | {"results": "s3://artifacts/bulk/a/b"}, "results is"),
        (A | {"results": "s3://artifacts/bulk/"}, "results is"),
        (A | {"results": "s3://artifacts/bulk/a\n"}, "results is"),
        (A | {"results": "s3://artifacts/bulk/a//"}, "results is"),
        (A | {"results": 7}, "results is 7"),
        (A | {"results": []}, "results is []"),
        (A | {"results": None}, "results is null"),
    ],
)
def test_what_is_not_usable_is_refused_in_words(given: Any, said: str) -> None:
    read_ = read(given)

    assert list(read_) == ["problem"]
    assert said in read_["problem"]
    assert evaluate(INPUT_IS_USABLE, {"input": read_}) is False


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        ({"Cause": "CSV headers cannot contain duplicates."}, "CSV headers cannot contain dup"),
        ({}, "no cause was reported"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_refused_in_words(
    cause: dict[str, str], said: str
) -> None:
    states = {
        "input": {"source": "s3://pictures/list.csv"},
        "errorOutput": {"Error": "States.ItemReaderFailed", **cause},
    }

    problem = evaluate(expressions.UNREADABLE, states)["problem"]

    beginning = "s3://pictures/list.csv cannot be read: States.ItemReaderFailed: "
    assert problem.startswith(beginning + said)
    assert problem.endswith("with a member key on each line)")


@pytest.mark.parametrize("known", [1, 7, 20])
def test_the_message_says_how_many_more_there_are_and_where_all_are(known: int) -> None:
    one = {"verdict": "rejected", "body": {"s3_bucket": "b", "s3_key": "k", "reason": "why"}}
    summary = {
        "counts": {"images": 5000, "accepted": 3000, "rejected": 2000, "failed": 0},
        "results": [one] * known,
        "location": "s3://artifacts/bulk/run/results.jsonl",
    }

    said = evaluate(of_results("dev", expressions.LOCATION).text, {"input": summary})

    assert said.startswith("3000 accepted, 2000 rejected, 0 failed of 5000 images.")
    assert said.count("- s3://b/k\n    why") == known
    assert f"... and {2000 - known} more" in said
    assert said.endswith("All results are in s3://artifacts/bulk/run/results.jsonl\n")


@pytest.mark.parametrize(
    ("row", "item"),
    [
        ({"key": "a.png", "thumbnail": "x" * 300_000}, "a.png"),
        ({"\ufeffkey": "a.png", "label": "bicycle"}, "a.png"),
        ("a.png", "a.png"),
        ({"key": "\U0001f6b2" * 300_000}, "\U0001f6b2" * 1025),  # S3 takes 1,024 bytes
        ({"key": ["a.png"]}, {"key": ["a.png"]}),
        ({"key": None}, {"key": None}),
        ({"name": "a.png"}, {"name": "a.png"}),
        ({}, {}),
        ([], []),
        (7, 7),
        ({"name": "x" * 300_000}, {"row": '{"name":"' + "x" * 1015}),
    ],
)
def test_a_row_is_its_key_or_short(row: Any, item: Any) -> None:
    states = {"context": {"Map": {"Item": {"Index": 0, "Value": row}}}}

    assert evaluate(expressions.ITEM["item"], states) == item
