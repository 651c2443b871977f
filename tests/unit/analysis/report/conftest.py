"""Reports without drawing: only the tests of whole reports wait for matplotlib."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from analysis import collect
from analysis.report.content import Content, content
from analysis.threshold import Costs

CLASSES = ("bicycle", "motorcycle")


@pytest.fixture
def contents() -> Callable[..., Content]:
    """Makes the content of a report on a folder of captures."""

    def make(captures: Path, *, classes: Sequence[str] = CLASSES) -> Content:
        return content(
            collect(captures, classes=classes),
            captures=str(captures),
            present=0.93,
            costs=Costs(),
            dataset=None,
        )

    return make
