"""The results of one batch in S3: a file of JSON Lines, one for each picture that has a result.

An item is what the ItemSelector of the state machine makes: `index`, the picture's position in the
listing from 0, and `item`: its key, or a row of the manifest that names none. The key of a CSV is
`quoted`, as predictions.csv has it. A line has `index`, `key` and `status`: "accepted" or
"rejected" with `label`, `confidence` and `inferences`, or "failed" with `error`; both of the latter
have a `reason`. An empty object that the console made for a folder has a line in its part only,
with the status "folder".
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from lambda_src.shared.spreadsheets import unquote_formulas

FOLDER = "folder"

Line = dict[str, Any]


def part_key(results: str, items: Sequence[Any]) -> str:
    """Key of the batch's part below the prefix `results`; the same items have the same part."""
    digest = hashlib.sha256(json.dumps(items, sort_keys=True).encode()).hexdigest()
    return f"{results}/parts/{digest}.jsonl"


def read_part(s3: Any, bucket: str, key: str) -> list[Line]:
    """Lines of a part; none if there is no such part yet."""
    try:
        body: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey:
        return []
    return [json.loads(line) for line in body.splitlines()]


def json_lines(lines: Iterable[Line]) -> bytes:
    """The lines as bytes of a file."""
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def line_of(item: dict[str, Any]) -> Line:
    """What the line of an item begins with; `key` is None if a manifest's row names none."""
    key = item["item"]
    if item.get("quoted") and isinstance(key, str):
        key = unquote_formulas(key)
    return {"index": item["index"], "key": key if isinstance(key, str) and key else None}
