"""The table of assumptions, as it is shown and as it is written."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from localcloud.demo.acceptance.check import Check, Finding, Verdict
from localcloud.demo.acceptance.context import Context
from localcloud.demo.acceptance.report import MASK, Report, Row
from settings.loader import validate

ACCOUNT = "123456789012"
PRIVATE = {
    "notifications": {"emails": ["somebody@example.com"], "sms": ["+15555550100"]},
    "tags": {"owner": "a team", "cost_centre": "4711"},
}


def row(verdict: Verdict, seen: str = "seen") -> Row:
    def look(_context: Context) -> Finding:
        raise NotImplementedError

    check = Check("a_name", "An assumption", "this | that", "Tags", look, aws_only=False)
    return Row(check, Finding(verdict, seen))


@pytest.fixture
def report() -> Report:
    """A run that found something of everything."""
    seen = f"arn:aws:sns:us-east-1:{ACCOUNT}:topic\nof [red]two[/red] lines"
    return Report(
        rows=[row(Verdict.CONFIRMED, seen), *(row(verdict) for verdict in Verdict)],
        began=datetime(2026, 11, 27, 20, tzinfo=UTC),
        seconds={"deploy": 61.5, "nothing": 0.1},
        settings=validate(dict(PRIVATE), environment="acceptance", source="a test"),
        account=ACCOUNT,
        region="eu-west-1",
        cloud="AWS",
        failure="",
        left=[f"queue https://sqs.amazonaws.com/{ACCOUNT}/left"],
        not_tried={"Spot": "off"},
    )


def written(report: Report, folder: Path) -> tuple[dict[str, Any], str]:
    as_json, as_markdown = report.write(folder)
    content: dict[str, Any] = json.loads(as_json.read_text(encoding="utf-8"))
    return content, as_markdown.read_text(encoding="utf-8")


def test_counts_and_rows_are_written(report: Report, tmp_path: Path) -> None:
    content, markdown = written(report, tmp_path)

    counts = {"confirmed": 2, "refuted": 1, "not shown here": 1, "not reached": 1}
    assert content["counts"] == counts
    assert content["assumptions"][1] == {
        "name": "a_name",
        "assumption": "An assumption",
        "section": "Tags",
        "expected": "this | that",
        "seen": "seen",
        "verdict": "confirmed",
    }
    assert "2 confirmed, 1 refuted, 1 not shown here, 1 not reached." in markdown
    table = [line for line in markdown.splitlines() if line.startswith("| An assumption |")]
    assert table[0] == (
        f"| An assumption | this \\| that | arn:aws:sns:us-east-1:{MASK}:topic of [red]two[/red] "
        "lines | **confirmed** |"
    )
    assert len(table) == len(report.rows)
    assert "- Spot: off" in markdown
    assert "- deploy: 62" in markdown and "nothing" not in markdown


def test_what_a_bug_report_needs_is_there(report: Report, tmp_path: Path) -> None:
    content, markdown = written(report, tmp_path)

    assert (content["region"], content["began"]) == ("eu-west-1", "2026-11-27T20:00:00+00:00")
    assert content["settings"]["retention"]["removal"] == "destroy"
    for name in ("scones", "python", "aws-cdk-lib", "aws-cdk", "boto3"):
        assert f"- {name} {content['versions'][name]}" in markdown


def test_no_account_and_no_person_is_written(report: Report, tmp_path: Path) -> None:
    for path in report.write(tmp_path):
        text = path.read_text(encoding="utf-8")
        for private in (ACCOUNT, "somebody@example.com", "5550100", "a team", "4711"):
            assert private not in text
        assert f"https://sqs.amazonaws.com/{MASK}/left" in text


def test_what_ended_the_run_is_written(report: Report, tmp_path: Path) -> None:
    content, markdown = written(replace(report, failure="stack X failed"), tmp_path)

    assert content["failure"] == "stack X failed"
    assert "stack X failed" in markdown


def test_what_was_not_shown_is_no_fault(report: Report) -> None:
    assert not report.is_clean
    assert replace(report, rows=[row(Verdict.CONFIRMED), row(Verdict.NOT_SHOWN)]).is_clean
    for verdict in (Verdict.REFUTED, Verdict.NOT_REACHED):
        assert not replace(report, rows=[row(Verdict.CONFIRMED), row(verdict)]).is_clean


def test_the_terminal_shows_what_was_seen_as_it_is(report: Report) -> None:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(report.table())
    shown = capture.get()

    assert "[red]two[/red]" in shown
    console = Console(width=40)
    with console.capture() as capture:
        console.print(report.table())
    assert "\N{HORIZONTAL ELLIPSIS}" not in capture.get()
    assert all(verdict.value in shown for verdict in Verdict)
