import os
from pathlib import Path

from benchmarks import machine


def test_the_processor_is_named_as_linux_does(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nmodel name\t: Fast One 3000\nmodel name\t: Other\n")

    assert machine.processor(cpuinfo) == "Fast One 3000"


def test_a_system_without_cpuinfo_has_a_name_too(tmp_path: Path) -> None:
    assert machine.processor(tmp_path / "none")


def test_the_machine_is_named_with_memory_and_versions() -> None:
    text = machine.machine()

    assert "GiB of memory" in text
    assert "ministack 1.5" in text


def test_processor_time_is_of_the_leader_and_of_its_group(tmp_path: Path) -> None:
    ticks = os.sysconf("SC_CLK_TCK")

    def process(pid: int, group: int, *, user: int, system: int) -> None:
        (tmp_path / str(pid)).mkdir()
        rest = f"S 1 {group} {group} 0 -1 0 0 0 0 0 {user * ticks} {system * ticks} 0 0"
        (tmp_path / str(pid) / "stat").write_text(f"{pid} (a (b) c) {rest}\n")

    process(7, 7, user=2, system=1)
    process(8, 7, user=10, system=0)
    process(9, 7, user=0, system=5)
    process(10, 10, user=100, system=100)

    assert machine.processor_seconds(7, tmp_path) == (3, 15)


def test_without_proc_there_is_no_processor_time(tmp_path: Path) -> None:
    assert machine.processor_seconds(1, tmp_path / "none") == (0, 0)
