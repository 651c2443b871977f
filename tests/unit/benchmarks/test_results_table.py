import pytest
from rich.console import Console

from benchmarks.results_table import Row, Section, in_digits, markdown, table


def row(**changes: object) -> Row:
    fields = {"measure": "speed", "unit": "1/s", "ours": [6.0, 1.0, 90.0], "comparator": [2.0]}
    return Row(**{**fields, **changes})  # type: ignore[arg-type]  # the fields of a Row


@pytest.mark.parametrize(
    ("changes", "ratio"),
    [
        ({"better": "more"}, 3),
        ({"better": "less"}, 1 / 3),
        ({"comparator": []}, None),
        ({"ours": []}, None),
        ({"ours": [0.0]}, None),
    ],
)
def test_the_ratio_says_how_many_times_better_our_median_is(
    changes: dict[str, object], ratio: float | None
) -> None:
    assert row(**changes).times_better == (ratio and pytest.approx(ratio))


def test_both_tables_have_the_same_cells() -> None:
    sections = [Section("Speed", [row(better="more"), row(comparator=[], measure="memory")])]
    console = Console(record=True, width=120)
    console.print(table(sections))

    printed = [line.replace("│", " ").split() for line in console.export_text().splitlines()]
    written = [line.replace("|", " ").split() for line in markdown(sections).splitlines()]

    for cells in (["speed", "1/s", "6", "2", "3.00"], ["memory", "1/s", "6", "-", "-"]):
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
    assert in_digits(value) == text
