"""Parts of a bulk run's results in S3: JSON Lines, one for each picture of a batch.

An item comes from the ItemSelector of the state machine: `index`, the picture's position in the
listing from 0, and `item`, its key or a row of the manifest that names none. The key of a CSV is
`quoted`, as in predictions.csv. A line has `index`, `key` and `status`: "accepted" or "rejected"
with `label`, `confidence` and `inferences`, or "failed" with `error`; the latter two have a
`reason`. The console's empty object for a folder has the status "folder".
"""

import json
import logging
import re
from collections.abc import Iterable, Sequence
from typing import Any

from . import json_limits, probabilities
from .events import digest, invalid, sequence, text, whole_number
from .messages import shown
from .spreadsheets import unquote_formulas

FOLDER = "folder"

# Far more than the lines of 1,000 pictures of 100 classes.
MAX_PART_BYTES = 32 * 1024 * 1024

Item = dict[str, Any]
Line = dict[str, Any]

logger = logging.getLogger()


def read_results(event: object) -> str:
    """Return the prefix of the run's results, `results` of an event."""
    prefix = text(event, "results")
    if not re.fullmatch(r"[\w/-]{1,256}", prefix, re.ASCII):  # as bulk_expressions.py lets through
        raise invalid("results", prefix, "a prefix of letters, digits, hyphens and slashes")
    return prefix


def read_items(event: object) -> list[Item]:
    """Return the items of the batch that an event has in `Items`, one or more."""
    items = sequence(event, "Items")
    if not items:
        raise invalid("Items", items, "a list of one item or more")
    for item in items:
        whole_number(item, "index")
    return items


def part_key(results: str, items: Sequence[Any]) -> str:
    """Return the key of the batch's part below `results`; the same items have the same part."""
    return f"{results}/parts/{digest(items)}.jsonl"


def read_part(s3: Any, bucket: str, key: str, items: Sequence[Item] | None = None) -> list[Line]:
    """Return the lines of a part, of these items if they are known.

    There are none if the part does not exist or is damaged: its pictures are classified again.
    """
    try:
        found = s3.get_object(Bucket=bucket, Key=key)
    except s3.exceptions.NoSuchKey:
        return []
    try:
        if found["ContentLength"] > MAX_PART_BYTES:
            raise ValueError(f"{found['ContentLength']:,} bytes")
        lines = [_line(raw) for raw in found["Body"].read().splitlines()]
        if items is not None:
            _check_keys(lines, items)
    except ValueError as error:
        logger.warning("s3://%s/%s is damaged, and ignored: %s", bucket, key, error)
        return []
    return lines


def _line(raw: bytes) -> Line:
    """Return the line, or raise ValueError if classify_batch writes no such line."""
    line: Line = json_limits.parse(raw)
    match line:
        case {"status": "accepted", "label": str()} | {
            "status": "rejected",
            "label": str(),
            "reason": str(),
        }:
            if line.get("confidence") != max(probabilities.check(line.get("inferences"))):
                raise ValueError("the confidence is not the highest probability")
        case {"status": "failed", "error": str(), "reason": str()} | {"status": "folder"}:
            pass
        case _:
            raise ValueError(f"not the result of a picture: {shown(line)}")
    match line:
        case {"index": int(index), "key": str() | None} if index >= 0 and index is not True:
            return line
    raise ValueError(f"no index and key: {shown(line)}")


def _check_keys(lines: Iterable[Line], items: Iterable[Item]) -> None:
    keys = {item["index"]: line_of(item)["key"] for item in items}
    for line in lines:
        if line["index"] not in keys or keys[line["index"]] != line["key"]:
            raise ValueError(f"not a picture of the batch: {shown(line)}")


def json_lines(lines: Iterable[Line]) -> bytes:
    """Return the lines as bytes of a file."""
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def line_of(item: Item) -> Line:
    """Return what the line of an item begins with; `key` is None if a manifest's row names none."""
    key = item.get("item")
    if item.get("quoted") and isinstance(key, str):
        key = unquote_formulas(key)
    return {"index": item["index"], "key": key if isinstance(key, str) and key else None}
