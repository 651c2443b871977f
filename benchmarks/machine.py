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


def memory_bytes() -> int:
    """Memory of the machine."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
