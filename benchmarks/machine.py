"""What the figures depend on: the machine, and how busy it is."""

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path

GIB = 1024**3


def machine() -> str:
    """Processor, cores, memory, load of the last minute, Python, boto3 and the emulator."""
    return (
        f"{processor()}, {os.cpu_count()} cores ({platform.machine()}), "
        f"{memory_bytes() / GIB:.0f} GiB of memory, load {os.getloadavg()[0]:.1f} at the start, "
        f"{platform.system()}, Python {platform.python_version()}, boto3 {version('boto3')}, "
        f"ministack {version('ministack')}"
    )


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's name, as Linux has it; elsewhere as Python has it."""
    if cpuinfo.exists():
        found = re.search(r"^model name\s*: (.+)$", cpuinfo.read_text(), re.MULTILINE)
        if found:
            return found[1]
    return platform.processor() or "unnamed processor"


def processor_seconds(group: int, proc: Path = Path("/proc")) -> tuple[float, float]:
    """Processor time so far of a process group's leader, and of its other running processes.

    Both are 0 where there is no Linux's /proc; its fields: proc_pid_stat(5).
    """
    leader = others = 0.0
    for stat in proc.glob("[0-9]*/stat"):
        try:
            # The command, in brackets, may hold blanks.
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):  # it has just ended
            continue
        if int(fields[2]) == group:
            seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            if stat.parent.name == str(group):
                leader = seconds
            else:
                others += seconds
    return leader, others


def memory_bytes() -> int:
    """Memory of the machine."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
