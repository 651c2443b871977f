"""Report the findings of a run: a table for the terminal, and a JSON file for bug reports."""

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
from localcloud.demo.acceptance.check import Assumption, Finding, Verdict
from settings import Settings

STYLES = {
    Verdict.CONFIRMED: "green",
    Verdict.REFUTED: "bold red",
    Verdict.NOT_SHOWN: "cyan",
    Verdict.NOT_REACHED: "yellow",
}
PACKAGES = ("aws-cdk-lib", "boto3", "pydantic")
FILE = "assumptions.json"
MASK = "*" * 12
PRIVATE: Any = {"notifications": True, "tags": {"owner", "cost_centre"}}
"""Settings that name persons and addresses."""


@dataclass(frozen=True)
class Report:
    """The findings of a run."""

    found: Sequence[tuple[Assumption, Finding]]
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

    @property
    def is_clean(self) -> bool:
        """Return whether no assumption was refuted and every check was reached."""
        against = (Verdict.REFUTED, Verdict.NOT_REACHED)
        return not any(finding.verdict in against for _, finding in self.found)

    def table(self) -> Table:
        """Return the table for the terminal."""
        headings = ("assumption", "expected", "seen", "verdict")
        columns = (Column(heading, overflow="fold") for heading in headings)
        shown = Table(*columns, box=box.SIMPLE_HEAD, show_lines=True)
        for check, finding in self.found:
            shown.add_row(
                Text(check.assumption),
                Text(check.expected),
                Text(finding.seen),
                Text(finding.verdict.value, style=STYLES[finding.verdict]),
            )
        return shown

    def write(self, folder: Path) -> Path:
        """Write everything without account number and persons; return the path."""
        counted = Counter(finding.verdict for _, finding in self.found)
        content = {
            "cloud": self.cloud,
            "region": self.region,
            "began": self.began.isoformat(timespec="seconds"),
            "versions": _versions(),
            "counts": {verdict.value: counted[verdict] for verdict in Verdict},
            "failure": self.failure,
            "left": list(self.left),
            "assumptions": [
                {
                    "name": check.name,
                    "assumption": check.assumption,
                    "section": check.section,
                    "expected": check.expected,
                    "seen": finding.seen,
                    "verdict": finding.verdict.value,
                }
                for check, finding in self.found
            ],
            "seconds": dict(self.seconds),
            "settings": self.settings.model_dump(mode="json", exclude=PRIVATE),
        }
        text = json.dumps(content, indent=2) + "\n"
        path = folder / FILE
        path.write_text(text.replace(self.account, MASK), encoding="utf-8")
        return path


def _versions() -> dict[str, str]:
    """Return the versions of what took part."""
    command = ["git", "-C", str(PROJECT), "describe", "--always", "--dirty"]
    try:
        commit = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        commit = "no git checkout"
    lock = json.loads((PROJECT / "package-lock.json").read_text(encoding="utf-8"))
    return {
        "scones": commit,
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in PACKAGES},
        "aws-cdk": lock["packages"]["node_modules/aws-cdk"]["version"],
    }
