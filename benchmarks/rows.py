"""Rows of the one table, and the table as text and as Markdown."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from rich.table import Table

HEADINGS = ("", "unit", "ours", "comparator", "times better", "aim")
NONE = "-"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measure, ours and the comparator's, of which there may be none."""

    what: str
    unit: str
    ours: Sequence[float] = ()
    """What the repeats gave; the table has the median. Empty: it cannot be done."""
    theirs: Sequence[float] = ()
    better: Literal["more", "less"] = "less"
    aim: float | None = None
    """So many times better ours is to be."""
    theirs_in_words: str = NONE
    """Stands where the comparator has no figure."""

    @property
    def ratio(self) -> float | None:
        """How many times better the median of ours is; below 1 it is worse."""
        if not self.ours or not self.theirs:
            return None
        ours, theirs = statistics.median(self.ours), statistics.median(self.theirs)
        numerator, denominator = (ours, theirs) if self.better == "more" else (theirs, ours)
        return numerator / denominator if denominator else None

    @property
    def missed(self) -> bool:
        """Whether there is an aim, and it was not reached."""
        return self.aim is not None and (self.ratio is None or self.ratio < self.aim)


@dataclass(frozen=True)
class Findings:
    """What one part of the benchmarks found."""

    title: str
    rows: Sequence[Row]
    remarks: Sequence[str] = field(default=())
    """Sentences: how it was measured, what was refused, why an aim was missed."""


def cells(row: Row) -> tuple[str, ...]:
    """Texts of a row, in the order of the headings."""
    ratio, aim = row.ratio, row.aim
    return (
        row.what,
        row.unit,
        _median(row.ours),
        _median(row.theirs) if row.theirs else row.theirs_in_words,
        NONE if ratio is None else f"{ratio:.2f}",
        NONE if aim is None else f"{aim:g} {'missed' if row.missed else 'reached'}",
    )


def table(findings: Iterable[Findings]) -> Table:
    """One table, with a section for each part."""
    result = Table(*HEADINGS, title="Medians, side by side")
    for column in result.columns[2:]:
        column.justify = "right"
    for part in findings:
        result.add_section()
        result.add_row(f"[bold]{part.title}")
        for row in part.rows:
            result.add_row(*cells(row))
    return result


def markdown(findings: Iterable[Findings]) -> str:
    """The same table as Markdown."""
    lines = [HEADINGS, ("---", "---", *["---:"] * (len(HEADINGS) - 2))]
    for part in findings:
        lines.append((f"**{part.title}**", *[""] * (len(HEADINGS) - 1)))
        lines.extend(cells(row) for row in part.rows)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _median(values: Sequence[float]) -> str:
    return figure(statistics.median(values)) if values else NONE


def figure(value: float) -> str:
    """Three significant digits, and all of a large number."""
    if value == 0 or abs(value) >= 1000 or float(value).is_integer():
        return f"{value:,.0f}"
    decimals = 3 if abs(value) < 1 else 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    return f"{value:.{decimals}f}"
