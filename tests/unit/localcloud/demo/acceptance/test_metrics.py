from typing import Any

import pytest

from localcloud.demo.acceptance.metrics import CountedLines, value_of

LINE = '{"type": "PassStateEntered", "details": {"name": "Failed"}}'


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("$.type", "PassStateEntered"),
        ("$.details.name", "Failed"),
        ("$.details", {"name": "Failed"}),
        ("$.details.nothing", None),
        ("$.type.name", None),
    ],
)
def test_a_field_is_found_by_its_path(field: str, value: Any) -> None:
    assert value_of(LINE, field) == value


def test_a_line_that_is_no_json_has_none() -> None:
    assert value_of("START RequestId", "$.type") is None


@pytest.mark.parametrize(
    ("field", "lacking"), [("$.details.name", set()), ("$.verdict", {"$.verdict"})]
)
def test_a_field_that_lines_lack_is_named(field: str, lacking: set[str]) -> None:
    transformation = {"metricName": "Pictures", "dimensions": {"Verdict": field}}
    lines = CountedLines({"metricTransformations": [transformation]}, [LINE, LINE])

    assert lines.lacking() == lacking
