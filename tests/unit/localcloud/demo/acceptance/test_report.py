import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from localcloud.demo.acceptance.check import Check, Finding, Verdict
from localcloud.demo.acceptance.context import Context
from localcloud.demo.acceptance.report import MASK, Report
from settings.loader import validate

ACCOUNT = "123456789012"
PRIVATE = {
    "notifications": {"emails": ["somebody@example.com"], "sms": ["+15555550100"]},
    "tags": {"owner": "a team", "cost_centre": "4711"},
}


def found(verdict: Verdict, seen: str = "seen") -> tuple[Check, Finding]:
    def look(_context: Context) -> Finding:
        raise NotImplementedError

    return Check("a_name", "An assumption", "this", "Tags", look), Finding(verdict, seen)


@pytest.fixture
def report() -> Report:
    """A run that found something of everything."""
    seen = f"arn:aws:sns:us-east-1:{ACCOUNT}:topic\nof [red]two[/red] lines"
    return Report(
        found=[found(Verdict.CONFIRMED, seen), *(found(verdict) for verdict in Verdict)],
        began=datetime(2026, 11, 27, 20, tzinfo=UTC),
        seconds={"deploy": 61.5},
        settings=validate(dict(PRIVATE), environment="acceptance", source="a test"),
        account=ACCOUNT,
        region="eu-west-1",
        cloud="AWS",
        failure="stack X failed",
        left=[f"queue https://sqs.amazonaws.com/{ACCOUNT}/left"],
    )


def test_everything_that_a_bug_report_needs_is_written(report: Report, tmp_path: Path) -> None:
    content = json.loads(report.write(tmp_path).read_text(encoding="utf-8"))

    counts = {"confirmed": 2, "refuted": 1, "not shown here": 1, "not reached": 1}
    assert content["counts"] == counts
    assert len(content["assumptions"]) == len(report.found)
    assert content["assumptions"][1] == {
        "name": "a_name",
        "assumption": "An assumption",
        "section": "Tags",
        "expected": "this",
        "seen": "seen",
        "verdict": "confirmed",
    }
    assert (content["region"], content["began"]) == ("eu-west-1", "2026-11-27T20:00:00+00:00")
    assert (content["failure"], content["seconds"]) == ("stack X failed", {"deploy": 61.5})
    assert content["settings"]["retention"]["removal"] == "destroy"
    packages = {"scones", "python", "aws-cdk-lib", "boto3", "pydantic", "aws-cdk"}
    assert content["versions"].keys() == packages


def test_no_account_and_no_person_is_written(report: Report, tmp_path: Path) -> None:
    text = report.write(tmp_path).read_text(encoding="utf-8")

    for private in (ACCOUNT, "somebody@example.com", "5550100", "a team", "4711"):
        assert private not in text
    assert f"https://sqs.amazonaws.com/{MASK}/left" in text


def test_what_was_not_shown_is_no_fault(report: Report) -> None:
    assert not report.is_clean
    assert replace(report, found=[found(Verdict.CONFIRMED), found(Verdict.NOT_SHOWN)]).is_clean
    for verdict in (Verdict.REFUTED, Verdict.NOT_REACHED):
        assert not replace(report, found=[found(Verdict.CONFIRMED), found(verdict)]).is_clean


def test_the_terminal_shows_what_was_seen_as_it_is(report: Report) -> None:
    def shown(width: int) -> str:
        console = Console(width=width)
        with console.capture() as capture:
            console.print(report.table())
        return capture.get()

    assert "[red]two[/red]" in shown(200)
    assert all(verdict.value in shown(200) for verdict in Verdict)
    assert "\N{HORIZONTAL ELLIPSIS}" not in shown(40)
