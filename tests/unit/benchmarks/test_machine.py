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
