"""Write the page of a run, docs/benchmarks.md: machine, data, table and remarks."""

import os
import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path

from benchmarks.results_table import Section, markdown
from training.source import CifarSource

GIB = 1024**3
PREFACE = """\
# Benchmarks

This page compares the application with what is usually built for the task. Both take turns in one \
run on one machine. Absolute figures depend on the machine and its load, ratios less so. "Times \
better" is the ratio of the medians; below 1 the comparator is better.

S3, Lambda, Step Functions and the endpoint are processes of the local cloud \
([fidelity.md](fidelity.md)). Transitions and bytes per picture are the same on AWS; seconds \
are not.
"""


@dataclass(frozen=True)
class Run:
    """The results of a run, with its machine, data and command."""

    machine: str
    data: str
    command: str
    sections: Sequence[Section]

    @property
    def remarks(self) -> list[str]:
        """Return the remarks of all sections."""
        return [remark for section in self.sections for remark in section.remarks]

    @property
    def page(self) -> str:
        """Return the page as Markdown."""
        remarks = "\n".join(f"- {remark}" for remark in self.remarks)
        return (
            f"{PREFACE}\n"
            f"    {self.command}\n\n"
            f"- Measured: {date.today():%Y-%m-%d}\n"
            f"- Machine: {self.machine}\n"
            f"- Data: {self.data}\n\n"
            f"{markdown(self.sections)}\n\n"
            f"## Method and findings\n\n{remarks}\n"
        )


def describe_data(source: CifarSource) -> str:
    """Describe the pictures."""
    if source.name == "drawn":
        return "drawn stand-ins, not photographs"
    published = "the published archive" if source.archive_published else "an excerpt or rebuild"
    return f"real CIFAR-100 pictures ({published}, sha256 {source.archive_sha256})"


def describe_machine() -> str:
    """Describe the processor and its load, the memory and the relevant versions."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / GIB
    versions = ", ".join(f"{name} {version(name)}" for name in ("boto3", "ministack"))
    return (
        f"{processor()}, {os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB of "
        f"memory, load {os.getloadavg()[0]:.1f} at the start, {platform.system()}, "
        f"Python {platform.python_version()}, {versions}"
    )


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return the processor's name."""
    if cpuinfo.exists():
        found = re.search(r"^model name\s*: (.+)$", cpuinfo.read_text(), re.MULTILINE)
        if found:
            return found[1]
    return platform.processor() or "unnamed processor"
