"""The table of assumptions: for the terminal, as JSON, and as Markdown for a bug report."""

import importlib.metadata
import json
import platform
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Column, Table
from rich.text import Text

from localcloud.cdk import PROJECT
from localcloud.demo.acceptance.check import Claim, Finding, Verdict
from settings import Settings

STYLES = {
    Verdict.CONFIRMED: "green",
    Verdict.REFUTED: "bold red",
    Verdict.NOT_SHOWN: "cyan",
    Verdict.NOT_REACHED: "yellow",
}
PACKAGES = ("aws-cdk-lib", "boto3", "pydantic")
FILE = "assumptions"
MASK = "*" * 12
PRIVATE: Any = {"notifications": True, "tags": {"owner", "cost_centre"}}
"""Settings that name persons and addresses."""
HEADINGS = ("assumption", "expected", "seen", "verdict")


@dataclass(frozen=True)
class Row:
    """A claim and what was found."""

    claim: Claim
    finding: Finding


@dataclass(frozen=True)
class Report:
    """Everything that a run found."""

    rows: Sequence[Row]
    began: datetime
    seconds: Mapping[str, float]
    """By step."""
    settings: Settings
    account: str
    region: str
    cloud: str
    """"AWS", or the address of an emulator."""
    failure: str
    """What ended the run early; empty if nothing did."""
    left: Sequence[str]
    not_tried: Mapping[str, str]

    @property
    def counts(self) -> dict[str, int]:
        """Return the number of checks by verdict."""
        counted = Counter(row.finding.verdict for row in self.rows)
        return {verdict.value: counted[verdict] for verdict in Verdict}

    @property
    def is_clean(self) -> bool:
        """Return whether no assumption was refuted and every check was reached."""
        against = (Verdict.REFUTED, Verdict.NOT_REACHED)
        return not any(row.finding.verdict in against for row in self.rows)

    def table(self) -> Table:
        """Return the table for the terminal."""
        columns = (Column(heading, overflow="fold") for heading in HEADINGS)
        shown = Table(*columns, box=box.SIMPLE_HEAD, show_lines=True)
        for row in self.rows:
            verdict = row.finding.verdict
            shown.add_row(
                Text(row.claim.assumption),
                Text(row.claim.expected),
                Text(row.finding.seen),
                Text(verdict.value, style=STYLES[verdict]),
            )
        return shown

    def write(self, folder: Path) -> list[Path]:
        """Write assumptions.json and assumptions.md; return their paths."""
        files = {"json": json.dumps(self._content(), indent=2) + "\n", "md": self._markdown()}
        paths = []
        for suffix, text in files.items():
            path = folder / f"{FILE}.{suffix}"
            path.write_text(self._masked(text), encoding="utf-8")
            paths.append(path)
        return paths

    def _masked(self, text: str) -> str:
        return text.replace(self.account, MASK) if self.account else text

    def _content(self) -> dict[str, Any]:
        return {
            "cloud": self.cloud,
            "region": self.region,
            "began": self.began.isoformat(timespec="seconds"),
            "versions": versions(),
            "counts": self.counts,
            "failure": self.failure,
            "left": list(self.left),
            "assumptions": [
                {
                    "name": row.claim.name,
                    "assumption": row.claim.assumption,
                    "section": row.claim.section,
                    "expected": row.claim.expected,
                    "seen": row.finding.seen,
                    "verdict": row.finding.verdict.value,
                }
                for row in self.rows
            ],
            "not_tried": dict(self.not_tried),
            "seconds": dict(self.seconds),
            "settings": self._settings(),
        }

    def _markdown(self) -> str:
        content = self._content()
        counts = ", ".join(f"{number} {verdict}" for verdict, number in self.counts.items())
        parts = [
            f"# Assumptions about AWS, checked on {self.began:%Y-%m-%d}",
            f"{self.cloud}, {self.region}. {counts}.",
            _markdown_table(
                HEADINGS,
                (
                    (
                        row.claim.assumption,
                        row.claim.expected,
                        row.finding.seen,
                        f"**{row.finding.verdict.value}**",
                    )
                    for row in self.rows
                ),
            ),
        ]
        if self.failure:
            parts += ["The run ended early:", f"```\n{self.failure}\n```"]
        if self.left:
            parts += ["Left behind:", "\n".join(f"- {each}" for each in self.left)]
        parts += [
            "## Not tried",
            "\n".join(f"- {what}: {why}" for what, why in self.not_tried.items()),
            "## Versions",
            "\n".join(f"- {name} {version}" for name, version in content["versions"].items()),
            "## Seconds",
            "\n".join(f"- {name}: {s:.0f}" for name, s in self.seconds.items() if s >= 1),
            "## Settings",
            f"```json\n{json.dumps(content['settings'], indent=2)}\n```",
        ]
        return "\n\n".join(parts) + "\n"

    def _settings(self) -> dict[str, Any]:
        return self.settings.model_dump(mode="json", exclude=PRIVATE)


def versions() -> dict[str, str]:
    """Return the versions of what took part."""
    lock = json.loads((PROJECT / "package-lock.json").read_text(encoding="utf-8"))
    found = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {
        "scones": _commit(),
        "python": platform.python_version(),
        **found,
        "aws-cdk": lock["packages"]["node_modules/aws-cdk"]["version"],
    }


def _commit() -> str:
    command = ["git", "-C", str(PROJECT), "describe", "--always", "--dirty"]
    try:
        described = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "no git checkout"
    return described.stdout.strip()


def _markdown_table(headings: Sequence[str], rows: Any) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
