"""Fields of log lines, as metric filters name them."""

from types import SimpleNamespace
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


class Logs:
    """CloudWatch Logs that matches so many lines, whatever they are."""

    def __init__(self, matching: int) -> None:
        self.matching = matching

    def test_metric_filter(self, **_: Any) -> dict[str, Any]:
        return {"matches": [{}] * self.matching}


def lacking(monkeypatch: pytest.MonkeyPatch, field: str, *, matching: int = 2) -> set[str]:
    session = SimpleNamespace(client=lambda _: Logs(matching))
    monkeypatch.setattr("localcloud.demo.acceptance.metrics.session", lambda: session)
    transformation = {"metricName": "Pictures", "dimensions": {"Verdict": field}}
    described = {"filterPattern": "{}", "metricTransformations": [transformation]}
    return CountedLines(described, [LINE, LINE]).lacking()


def test_nothing_is_lacking_where_all_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert lacking(monkeypatch, "$.details.name") == set()


def test_a_field_that_is_lacking_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert lacking(monkeypatch, "$.verdict") == {"$.verdict"}


def test_aws_own_test_has_its_say(monkeypatch: pytest.MonkeyPatch) -> None:
    assert lacking(monkeypatch, "$.type", matching=1) == {"1 matches by TestMetricFilter"}
