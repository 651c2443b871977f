"""Command line of the preflight: `python -m preflight --environment dev`."""

import argparse
import sys
from collections.abc import Mapping, Sequence

from rich import box
from rich.table import Column, Table
from rich.text import Text

import terminal
from preflight.aws import Aws
from preflight.checks import CHECKS, DEADLINE_SECONDS, run
from preflight.finding import Finding, Verdict
from settings import SettingsError, available_environments, load

EXIT_PROBLEM, EXIT_NOT_CHECKED = 1, 3

STYLES = {
    Verdict.OK: "green",
    Verdict.NOTE: "cyan",
    Verdict.PROBLEM: "bold red",
    Verdict.NOT_CHECKED: "yellow",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every check and show what it found; gives the exit code."""
    options = _parser().parse_args(arguments)
    try:
        settings = load(options.environment)
    except SettingsError as error:
        terminal.console(errors=True).print(str(error), style="red", soft_wrap=True)
        return EXIT_PROBLEM
    findings = run(CHECKS, Aws(), settings)
    terminal.console().print(table(findings))
    return exit_code(findings)


def table(findings: Mapping[str, Sequence[Finding]]) -> Table:
    """One row a finding; the name of the check stands at its first."""
    # Folded, not cut: an ARN is longer than the column, and a remedy is there to be copied.
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
    """A problem outweighs what could not be checked; notes do not count."""
    verdicts = {finding.verdict for found in findings.values() for finding in found}
    if Verdict.PROBLEM in verdicts:
        return EXIT_PROBLEM
    return EXIT_NOT_CHECKED if Verdict.NOT_CHECKED in verdicts else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m preflight",
        description="Look, before a deployment costs money, whether it can succeed: who calls and "
        "where to, CDK bootstrap, algorithm, instance types and quotas, concurrency of functions, "
        "staged data, "
        "subscribers of the notifications, endpoint name. Changes nothing, and takes at most "
        f"{DEADLINE_SECONDS:g} seconds.",
        epilog=f"Exit codes: 0 no problem, {EXIT_PROBLEM} a problem (or settings that are not "
        f"accepted), 2 wrong usage, {EXIT_NOT_CHECKED} no problem, but something could not be "
        "checked.",
    )
    parser.add_argument(
        "--environment",
        default="dev",
        metavar="NAME",
        help=f"whose settings: {', '.join(available_environments())} (default: dev)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
