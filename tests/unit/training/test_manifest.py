import json
from typing import Any

import pytest

from training.manifest import parse

COUNTS = {"train": {"bicycle": 5, "motorcycle": 6}, "validation": {"bicycle": 1, "motorcycle": 0}}
WRITTEN: dict[str, Any] = {
    "format": 1,
    "source": "cifar-100",
    "digest": "abc",
    "classes": ["bicycle", "motorcycle"],
    "counts": COUNTS,
    "refused": [],
}


def test_what_staging_writes_is_read() -> None:
    manifest = parse(json.dumps(WRITTEN).encode(), "manifest.json")
    assert manifest.classes == ("bicycle", "motorcycle")
    assert manifest.counts == COUNTS


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"counts": None}, "counts: Input should be an object"),
        ({"counts": {}}, "counts.train lacks 'bicycle'"),
        ({"counts": COUNTS | {"validation": {"bicycle": 1}}}, "counts.validation lacks 'motorc"),
        ({"counts": COUNTS | {"train": []}}, "counts.train: Input should be an object"),
        ({"counts": COUNTS | {"train": {"bicycle": "5"}}}, "counts.train.bicycle: .* integer"),
        ({"counts": COUNTS | {"train": {"bicycle": True}}}, "counts.train.bicycle: .* integer"),
        ({"counts": COUNTS | {"train": {"bicycle": -1}}}, "counts.train.bicycle: .* greater"),
        ({"classes": []}, "classes: "),
        ({"classes": ["bicycle", "motor\ncycle"]}, "classes.1: .* pattern"),
        ({"classes": "bicycle"}, "classes: "),
        ({"refused": 3}, "refused: "),
    ],
)
def test_anything_else_is_refused_with_its_first_fault(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(
        ValueError, match=rf"^s3://b/manifest\.json is not a staging manifest: {reason}"
    ):
        parse(json.dumps(WRITTEN | change).encode(), "s3://b/manifest.json")


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"[" * 10_000, b"9" * 10_000])
def test_what_is_no_object_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="is not a staging manifest"):
        parse(content, "manifest.json")
