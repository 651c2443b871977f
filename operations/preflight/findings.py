"""Show the findings of the checks as a table and an exit code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from rich import box
from rich.table import Column, Table
from rich.text import Text


class Verdict(Enum):
    """How a check ended."""

    OK = "ok"
    NOTE = "note"
    """Worth knowing; the deployment succeeds all the same."""
    PROBLEM = "problem"
    """The deployment would fail, or not do what the settings ask for."""
    NOT_CHECKED = "could not check"


@dataclass(frozen=True)
class Finding:
    """One row of the table."""

    verdict: Verdict
    what: str
    remedy: str = ""


EXIT_PROBLEM, EXIT_NOT_CHECKED = 1, 3

STYLES = {
    Verdict.OK: "green",
    Verdict.NOTE: "cyan",
    Verdict.PROBLEM: "bold red",
    Verdict.NOT_CHECKED: "yellow",
}


def ok(what: str) -> Finding:
    """Return a finding that is no trouble."""
    return Finding(Verdict.OK, what)


def problem(what: str, remedy: str) -> Finding:
    """Return a finding that stands in the way of the deployment."""
    return Finding(Verdict.PROBLEM, what, remedy)


def table(findings: Mapping[str, Sequence[Finding]]) -> Table:
    """Return one row per finding; the first of a check has its name."""
    # Folded, not cut: an ARN is longer than the column, and remedies are to be copied.
    what_and_remedy = Column("what and remedy", overflow="fold")
    shown = Table("check", "verdict", what_and_remedy, box=box.SIMPLE_HEAD)
    for name, found in findings.items():
        for number, finding in enumerate(found):
            what = Text(finding.what)
            if finding.remedy:
                what.append(f"\n→ {finding.remedy}", style="bold")
            verdict = Text(finding.verdict.value, style=STYLES[finding.verdict])
            shown.add_row("" if number else name, verdict, what)
    return shown


def exit_code(findings: Mapping[str, Sequence[Finding]]) -> int:
    """Return the exit code: a problem outweighs what could not be checked; notes do not count."""
    verdicts = {finding.verdict for found in findings.values() for finding in found}
    if Verdict.PROBLEM in verdicts:
        return EXIT_PROBLEM
    return EXIT_NOT_CHECKED if Verdict.NOT_CHECKED in verdicts else 0
