"""The page, and what the command refuses."""

from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks.report import Run, data, page
from benchmarks.rows import Findings, Row
from training import drawn
from training.source import Source


def test_the_page_has_machine_data_command_table_and_missed_aims() -> None:
    row = Row(what="speed", unit="1/s", ours=[1.0], theirs=[1.0], better="more", aim=3.0)
    run = Run("a machine", "some data", "python -m benchmarks", [Findings("P", [row], ["A fact."])])

    text = page(run)

    assert text.startswith("# Benchmarks\n")
    assert "    python -m benchmarks\n" in text
    for line in (
        "- Machine: a machine",
        "- Data: some data",
        "| speed | 1/s | 1 | 1 | 1.00 | 3 missed |",
        "- A fact.",
        "- Aim missed: speed, 1.00 times better instead of 3.",
    ):
        assert line in text.splitlines()


def test_data_are_named() -> None:
    drawing = Source("drawn", drawn.draw(["bicycle"], train_per_class=1, validation_per_class=1))

    assert "drawn" in data(drawing)
    assert "excerpt" in data(Source("cifar-100", drawing.pictures, "abc", archive_published=False))


def test_parts_that_need_no_cloud_run_without_one(tmp_path: Path) -> None:
    out = tmp_path / "benchmarks.md"

    assert command.main(["--only", "costs", "--out", str(out)]) == 0

    assert "**Cost model**" in out.read_text()
    assert "- Data: none\n" in out.read_text()


def test_a_part_that_needs_pictures_ends_where_there_are_none(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"error: .*missing\.tar\.gz"):
        command.main(["--only", "costs,staging", "--archive", str(tmp_path / "missing.tar.gz")])


def test_what_was_measured_is_written_even_where_the_next_part_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: command.Bench) -> Findings:
        raise RuntimeError("no synthesis today")

    monkeypatch.setitem(command.PARTS, "synth", fail)
    out = tmp_path / "benchmarks.md"

    with pytest.raises(RuntimeError, match="no synthesis today"):
        command.main(["--only", "costs,synth", "--out", str(out)])

    assert "**Cost model**" in out.read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--only", "staging,speed"], "'speed' is not one of staging"),
        (["--repeats", "0"], "expected 1 or more"),
    ],
)
def test_wrong_usage_is_named(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        command.main(arguments)

    assert end.value.code == 2
    assert words in capsys.readouterr().err


def test_the_page_does_not_tell_where_the_archive_is() -> None:
    place = Path("/somebody/at home/cifar.tar.gz")

    shown = command._command(["--archive", str(place), "--repeats", "1"], ARCHIVE=place)

    assert shown == "python -m benchmarks --archive ARCHIVE --repeats 1"
