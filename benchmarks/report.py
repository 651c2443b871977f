"""The page about one run: docs/benchmarks.md."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rows import Findings, markdown
from training.source import Source

PREFACE = Path(__file__).with_name("preface.md")


@dataclass(frozen=True)
class Run:
    """What was measured, and on what."""

    machine: str
    data: str
    command: str
    findings: Sequence[Findings]

    @property
    def remarks(self) -> list[str]:
        """Those of all parts, then the aims that were missed."""
        missed = [
            f"Aim missed: {row.what}, {row.ratio or 0:.2f} times better instead of {row.aim:g}."
            for part in self.findings
            for row in part.rows
            if row.missed
        ]
        return [remark for part in self.findings for remark in part.remarks] + missed


def data(source: Source) -> str:
    """The pictures, in words."""
    if source.name == "drawn":
        return "drawn stand-ins, not photographs"
    published = "the published archive" if source.archive_published else "an excerpt or rebuild"
    return f"real CIFAR-100 pictures ({published}, sha256 {source.archive_sha256})"


def page(run: Run) -> str:
    """Preface, machine, command, table, remarks."""
    remarks = "\n".join(f"- {remark}" for remark in run.remarks)
    return (
        f"{PREFACE.read_text(encoding='utf-8')}\n"
        f"    {run.command}\n\n"
        f"- Machine: {run.machine}\n"
        f"- Data: {run.data}\n\n"
        f"{markdown(run.findings)}\n\n"
        f"## How, and what was found\n\n{remarks}\n"
    )
