"""Contract tests of the item readers; each fails without its repair."""

from typing import Any

import pytest

from tests.local.localcloud.repairs.distributed_map import distributed, machine, output

GIVEN = {"InputType": "CSV", "CSVHeaderLocation": "GIVEN"}


def reading(bucket: str, **config: Any) -> dict[str, Any]:
    """A Distributed Map over the object `list` of the bucket."""
    return distributed(
        ItemReader={
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": config,
            "Arguments": {"Bucket": bucket, "Key": "{% $states.input.key %}"},
        }
    )


def test_objects_below_a_prefix(execute: Any, bucket: str, put: Any) -> None:
    for number in range(30):
        put(f"pictures/{number:04}.png", b"p")
    put("other.png", b"p")
    state = distributed(
        ItemReader={
            "Resource": "arn:aws:states:::s3:listObjectsV2",
            "Arguments": {"Bucket": "{% $states.input.bucket %}", "Prefix": "pictures/"},
        },
        ItemBatcher={"MaxItemsPerBatch": 1000},
        Output="{% $states.result.Items %}",
    )

    items = output(execute(machine(state), {"bucket": bucket}))

    assert [item["Key"] for item in items] == [f"pictures/{n:04}.png" for n in range(30)]
    assert set(items[0]) == {"Etag", "Key", "LastModified", "Size", "StorageClass"}


@pytest.mark.parametrize(
    ("config", "content", "expected"),
    [
        pytest.param(
            {
                "InputType": "CSV",
                "CSVHeaderLocation": "FIRST_ROW",
                "MaxItems": "{% $states.input.most %}",
            },
            b'key,label\na.png,0\n"b, c.png",1\nd.png,2\n',
            [{"key": "a.png", "label": "0"}, {"key": "b, c.png", "label": "1"}],
            id="CSV with its header and a maximum",
        ),
        pytest.param(
            {**GIVEN, "CSVHeaders": ["key", "label"], "CSVDelimiter": "SEMICOLON"},
            b"a.png;0;dropped\nb.png\n",
            [{"key": "a.png", "label": "0"}, {"key": "b.png", "label": ""}],
            id="CSV with given headers",
        ),
        pytest.param(
            {"InputType": "JSONL"},
            b'{"key": "a.png"}\n\n{"key": "b\xe2\x80\xa8.png"}\n',
            [{"key": "a.png"}, {"key": "b\u2028.png"}],
            id="JSON Lines",
        ),
    ],
)
def test_items_of_an_object(
    execute: Any, bucket: str, put: Any, config: Any, content: bytes, expected: Any
) -> None:
    put("list", content)

    result = execute(machine(reading(bucket, **config)), {"key": "list", "most": 2})

    assert output(result) == expected


TWICE = "CSV headers cannot contain duplicates."


@pytest.mark.parametrize(
    ("config", "content", "cause"),
    [
        ({"InputType": "CSV"}, b"key,label,key\na.png,0,b.png\n", TWICE),
        ({**GIVEN, "CSVHeaders": ["key", "key"]}, b"a.png,0\n", TWICE),
        ({"InputType": "JSONL"}, b'{"key": "a.png"}\n{"key": ', "list"),
        ({"InputType": "JSONL"}, b"\xff\xfe", "list"),
    ],
)
def test_an_object_that_cannot_be_read(
    execute: Any, bucket: str, put: Any, config: Any, content: bytes, cause: str
) -> None:
    put("list", content)

    result = execute(machine(reading(bucket, **config)), {"key": "list"})

    assert (result["status"], result["error"]) == ("FAILED", "States.ItemReaderFailed")
    assert cause in result["cause"]
