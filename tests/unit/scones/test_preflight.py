from collections.abc import Iterator

import pytest
from rich.console import Console

from operations.preflight import checks, findings
from operations.preflight.checks import Check
from operations.preflight.clients import Aws
from operations.preflight.findings import Finding, Verdict
from scones.__main__ import main
from settings import Settings

OK = Finding(Verdict.OK, "fine")
NOTE = Finding(Verdict.NOTE, "by the way")
PROBLEM = Finding(Verdict.PROBLEM, "wrong [1]", "do this")
NOT_CHECKED = Finding(Verdict.NOT_CHECKED, "who knows")


def finds(*findings: Finding) -> Check:
    def check(_aws: Aws, _settings: Settings) -> Iterator[Finding]:
        yield from findings

    return check


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([OK, NOTE], 0),
        ([OK, PROBLEM], 1),
        ([OK, NOT_CHECKED, NOTE], 3),
        ([NOT_CHECKED, PROBLEM, OK], 1),
    ],
)
def test_exit_code_is_that_of_the_worst_finding(
    monkeypatch: pytest.MonkeyPatch, found: list[Finding], code: int
) -> None:
    named = {str(number): finds(finding) for number, finding in enumerate(found)}
    monkeypatch.setattr(checks, "CHECKS", named)
    assert main(["preflight"]) == code


def test_the_table_has_a_row_for_each_finding() -> None:
    console = Console(width=60, record=True)
    console.print(findings.table({"one": [OK, PROBLEM], "other": [NOT_CHECKED]}))
    rows = [line.split() for line in console.export_text().splitlines() if line.strip()]
    assert rows[0] == ["check", "verdict", "what", "and", "remedy"]
    assert rows[2:] == [
        ["one", "ok", "fine"],
        ["problem", "wrong", "[1]"],
        ["→", "do", "this"],
        ["other", "could", "not", "check", "who", "knows"],
    ]


def test_what_is_longer_than_its_column_is_not_cut() -> None:
    arn = "arn:aws:sqs:us-east-1:123456789012:a-queue-with-a-long-name"
    console = Console(width=60, record=True)
    console.print(findings.table({"one": [Finding(Verdict.NOTE, arn, arn)]}))
    shown = "".join(console.export_text().split())
    assert shown.count("a-queue-with-a-long-name") == 2
