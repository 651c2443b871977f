"""Build the results table, for the terminal and as Markdown."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.table import Table

HEADINGS = ("", "unit", "ours", "comparator", "times better")
NONE = "-"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A measure of ours and, if there is one, of the comparator."""

    measure: str
    unit: str
    ours: Sequence[float]
    """A value for each repeat; the table shows the median, or a dash without values."""
    comparator: Sequence[float] = ()
    better: Literal["more", "less"] = "less"

    @property
    def times_better(self) -> float | None:
        """Return how many times better our median is; below 1 the comparator is better."""
        if not self.ours or not self.comparator:
            return None
        ours, comparator = statistics.median(self.ours), statistics.median(self.comparator)
        if self.better == "more":
            return ours / comparator if comparator else None
        return comparator / ours if ours else None

    @property
    def cells(self) -> tuple[str, ...]:
        """Return the row's texts in the order of the headings."""
        values = (_median(self.ours), _median(self.comparator))
        ratio = self.times_better
        return (self.measure, self.unit, *values, NONE if ratio is None else f"{ratio:.2f}")


@dataclass(frozen=True)
class Section:
    """The results of one part of the benchmarks."""

    title: str
    rows: Sequence[Row]
    remarks: Sequence[str] = ()
    """Sentences about method and findings."""


def table(sections: Iterable[Section]) -> Table:
    """Return one table for the terminal."""
    result = Table(*HEADINGS, title="Medians, side by side")
    for column in result.columns[2:]:
        column.justify = "right"
    for section in sections:
        result.add_section()
        result.add_row(f"[bold]{section.title}")
        for row in section.rows:
            result.add_row(*row.cells)
    return result


def markdown(sections: Iterable[Section]) -> str:
    """Return the same table as Markdown."""
    lines = [HEADINGS, ("---", "---", *["---:"] * (len(HEADINGS) - 2))]
    for section in sections:
        lines.append((f"**{section.title}**", *[""] * (len(HEADINGS) - 1)))
        lines.extend(row.cells for row in section.rows)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _median(values: Sequence[float]) -> str:
    return in_digits(statistics.median(values)) if values else NONE


def in_digits(value: float) -> str:
    """Format with three significant digits, and all digits of a large number."""
    if value == 0 or abs(value) >= 1000 or float(value).is_integer():
        return f"{value:,.0f}"
    decimals = 3 if abs(value) < 1 else 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    return f"{value:.{decimals}f}"
