"""Ratios, aims and the two forms of the table."""

import pytest
from rich.console import Console

from benchmarks.rows import Findings, Row, figure, markdown, table


def row(**changes: object) -> Row:
    fields = {"what": "speed", "unit": "pictures/s", "ours": [6.0, 1.0, 90.0], "theirs": [2.0]}
    return Row(**{**fields, **changes})  # type: ignore[arg-type]  # the fields of a Row


def test_the_ratio_is_of_the_medians_and_says_how_many_times_better_ours_is() -> None:
    assert row(better="more").ratio == 3
    assert row(better="less").ratio == pytest.approx(1 / 3)


def test_there_is_no_ratio_without_both() -> None:
    assert row(theirs=[]).ratio is None
    assert row(ours=[]).ratio is None
    assert row(ours=[0.0]).ratio is None


@pytest.mark.parametrize(
    ("aim", "missed"), [(None, False), (2.9, False), (3.0, False), (3.1, True)]
)
def test_an_aim_is_reached_at_its_value(aim: float | None, missed: bool) -> None:
    assert row(better="more", aim=aim).missed is missed


def test_an_aim_without_a_figure_is_missed() -> None:
    assert row(ours=[], aim=3.0).missed


def test_both_tables_have_the_same_cells() -> None:
    findings = [Findings("Speed", [row(better="more", aim=4.0), row(theirs=[], what="memory")])]
    console = Console(record=True, width=120)
    console.print(table(findings))

    printed = [line.replace("│", " ").split() for line in console.export_text().splitlines()]
    written = [line.replace("|", " ").split() for line in markdown(findings).splitlines()]

    for cells in (
        ["speed", "pictures/s", "6", "2", "3.00", "4", "missed"],
        ["memory", "pictures/s", "6", "-", "-", "-"],
    ):
        assert cells in printed
        assert cells in written


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.1234, "0.123"),
        (1.234, "1.23"),
        (12.34, "12.3"),
        (123.4, "123"),
        (40.0, "40"),
        (1234567.8, "1,234,568"),
    ],
)
def test_figures_have_three_digits_or_all_before_the_point(value: float, text: str) -> None:
    assert figure(value) == text
