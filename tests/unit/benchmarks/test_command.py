from pathlib import Path
from unittest.mock import Mock

import pytest

from benchmarks import __main__ as command
from benchmarks import report
from benchmarks.results_table import Row, Section
from training.cifar import drawn
from training.source import CifarSource


def test_the_page_has_machine_data_command_table_and_remarks() -> None:
    row = Row(measure="speed", unit="1/s", ours=[1.0], comparator=[1.0], better="more")
    section = Section("Part", [row], ["A fact."])

    page = report.Run("a machine", "some data", "python -m benchmarks", [section]).page

    assert page.startswith("# Benchmarks\n")
    expected = {
        "    python -m benchmarks",
        "- Machine: a machine",
        "- Data: some data",
        "- A fact.",
    }
    assert {*expected, "| speed | 1/s | 1 | 1 | 1.00 |"} <= set(page.splitlines())


def test_data_and_machine_are_described(tmp_path: Path) -> None:
    pictures = drawn.draw(["bicycle"], train_per_class=1, validation_per_class=1)
    drawing = CifarSource("drawn", pictures)
    excerpt = CifarSource("cifar-100", drawing.pictures, "abc", archive_published=False)
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nmodel name\t: Fast One 3000\nmodel name\t: Other\n")

    assert "drawn" in report.describe_data(drawing)
    assert "excerpt" in report.describe_data(excerpt)
    assert report.processor(cpuinfo) == "Fast One 3000"
    assert report.processor(tmp_path / "none")
    assert "GiB of memory" in report.describe_machine()


def test_parts_that_need_no_cloud_run_without_one(tmp_path: Path) -> None:
    out = tmp_path / "benchmarks.md"

    assert command.main(["--only", "costs", "--out", str(out)]) == 0

    page = out.read_text()
    assert "**Cost model**" in page
    assert "- Data: none\n" in page
    assert page.count("pictures a month: ") == 12 + 1  # three volumes of four paths, a remark
    assert "by pictures a month: from 0 batch transform; from " in page


def test_a_part_that_needs_pictures_ends_without_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CIFAR_ARCHIVE", str(tmp_path / "missing.tar.gz"))

    with pytest.raises(SystemExit, match=r"error: .*missing\.tar\.gz"):
        command.main(["--only", "costs", "staging"])


def test_results_are_written_even_if_the_next_part_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail = Mock(side_effect=RuntimeError("no growth today"))
    monkeypatch.setitem(command.PARTS, "workflow", fail)
    monkeypatch.setattr(command, "_describe_data", lambda _: "none")
    out = tmp_path / "benchmarks.md"

    with pytest.raises(RuntimeError, match="no growth today"):
        command.main(["--only", "costs", "workflow", "--out", str(out)])

    assert "**Cost model**" in out.read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--only", "speed"], "'speed' (choose from"), (["--repeats", "0"], "expected 1 or more")],
)
def test_wrong_usage_is_named(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.main(arguments)

    assert words in capsys.readouterr().err
