"""Contract tests of the item readers; each fails without its repair."""

from typing import Any

import pytest

from tests.local.localcloud.repairs.distributed_map import distributed, machine, output


class TestItemReaders:
    def test_objects_below_a_prefix(self, execute: Any, bucket: str, put: Any) -> None:
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

    def test_csv_with_its_header_and_a_maximum(self, execute: Any, bucket: str, put: Any) -> None:
        put("list.csv", b'key,label\na.png,0\n"b, c.png",1\nd.png,2\n')
        state = distributed(
            ItemReader={
                "Resource": "arn:aws:states:::s3:getObject",
                "ReaderConfig": {
                    "InputType": "CSV",
                    "CSVHeaderLocation": "FIRST_ROW",
                    "MaxItems": "{% $states.input.most %}",
                },
                "Arguments": {"Bucket": bucket, "Key": "{% $states.input.key %}"},
            }
        )

        items = output(execute(machine(state), {"key": "list.csv", "most": 2}))

        assert items == [{"key": "a.png", "label": "0"}, {"key": "b, c.png", "label": "1"}]

    def test_csv_with_given_headers(self, execute: Any, bucket: str, put: Any) -> None:
        put("list.csv", b"a.png;0;dropped\nb.png\n")
        state = distributed(
            ItemReader={
                "Resource": "arn:aws:states:::s3:getObject",
                "ReaderConfig": {
                    "InputType": "CSV",
                    "CSVHeaderLocation": "GIVEN",
                    "CSVHeaders": ["key", "label"],
                    "CSVDelimiter": "SEMICOLON",
                },
                "Arguments": {"Bucket": bucket, "Key": "{% 'list.csv' %}"},
            }
        )

        items = output(execute(machine(state), {}))

        assert items == [{"key": "a.png", "label": "0"}, {"key": "b.png", "label": ""}]

    @pytest.mark.parametrize(
        ("content", "given"),
        [(b"key,label,key\na.png,0,b.png\n", []), (b"a.png,0\n", ["key", "key"])],
    )
    def test_csv_with_a_column_twice(
        self, execute: Any, bucket: str, put: Any, content: bytes, given: list[str]
    ) -> None:
        put("list.csv", content)
        state = distributed(
            ItemReader={
                "Resource": "arn:aws:states:::s3:getObject",
                "ReaderConfig": {
                    "InputType": "CSV",
                    **({"CSVHeaderLocation": "GIVEN", "CSVHeaders": given} if given else {}),
                },
                "Arguments": {"Bucket": bucket, "Key": "list.csv"},
            }
        )

        result = execute(machine(state), {})

        assert (result["status"], result["error"], result["cause"]) == (
            "FAILED",
            "States.ItemReaderFailed",
            "CSV headers cannot contain duplicates.",
        )

    def test_json_lines(self, execute: Any, bucket: str, put: Any) -> None:
        put("list.jsonl", b'{"key": "a.png"}\n\n{"key": "b\xe2\x80\xa8.png"}\n')
        state = distributed(ItemReader=_lines(bucket))

        assert output(execute(machine(state), {})) == [{"key": "a.png"}, {"key": "b\u2028.png"}]

    @pytest.mark.parametrize("content", [b'{"key": "a.png"}\n{"key": ', b"\xff\xfe"])
    def test_a_dataset_that_cannot_be_read(
        self, execute: Any, bucket: str, put: Any, content: bytes
    ) -> None:
        put("list.jsonl", content)

        result = execute(machine(distributed(ItemReader=_lines(bucket))), {})

        assert (result["status"], result["error"]) == ("FAILED", "States.ItemReaderFailed")
        assert "list.jsonl" in result["cause"]


def _lines(bucket: str) -> dict[str, Any]:
    return {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSONL"},
        "Arguments": {"Bucket": bucket, "Key": "{% 'list.jsonl' %}"},
    }
