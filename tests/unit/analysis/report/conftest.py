"""Reports without drawing: only the tests of whole reports wait for matplotlib."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from analysis import collect, ground_truth
from analysis.report.content import Content, content
from analysis.report.summary import Request

CLASSES = ("bicycle", "motorcycle")


@pytest.fixture
def contents() -> Callable[..., Content]:
    """Make the content of a report on a folder of captures."""

    def make(
        captures: Path, *, classes: Sequence[str] = CLASSES, labels: Path | None = None
    ) -> Content:
        records = collect(captures, classes=classes)
        if labels:
            records = ground_truth.join(records, ground_truth.read(labels))
        return content(records, Request(captures=str(captures), out=captures, threshold=0.93))

    return make
