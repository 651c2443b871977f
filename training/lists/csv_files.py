"""Read CSV files that people and spreadsheets write; a damaged row costs no other row."""

import csv
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from lambda_src.shared.spreadsheets import unquote_formulas
from training.quotations import shortened

LINES_IN_RECORD = 100
"""Bounds how far an open quotation mark is followed."""


class CsvError(ValueError):
    """The file as a whole cannot be used."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row with content, or what is wrong with it."""

    line: int
    """Where it begins, counted from 1."""
    cells: Mapping[str, str]
    """By name of the column."""
    error: str = ""


class CsvFile:
    """A CSV file whose first line names the columns.

    Cells are separated by commas, semicolons or tabs. Lines end with LF, CR LF or CR.
    """

    def __init__(self, content: bytes, *, name: str, read: Collection[str]) -> None:
        """Read the names of the columns; of the rows, only columns in `read` will be read.

        Raises:
            CsvError: it is not text, its first line is no row, or names a column of `read` twice.
        """
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise CsvError(f"{name} is not UTF-8 text: {error}; save it as CSV UTF-8") from error
        # Spreadsheets end lines with LF, CR LF or, on older Macs, CR.
        self._lines = list(io.StringIO(text, newline=""))
        self._read = read
        header = self._lines[0] if self._lines else ""
        self.delimiter = max(",;\t", key=header.count)
        try:
            cells, _ = _record([header], self.delimiter)
        except ValueError as error:
            raise CsvError(f"{name}, line 1: {error}") from error
        self.columns = [cell.strip().lower() for cell in cells]
        for column in read:
            if self.columns.count(column) > 1:
                raise CsvError(
                    f"{name}: column {column} appears twice; remove or rename one of them"
                )

    def rows(self) -> Iterator[Row]:
        """Yield every row that is not blank."""
        start = 1
        while start < len(self._lines):
            size = 1
            try:
                records = self._lines[start : start + LINES_IN_RECORD]
                cells, lines_read = _record(records, self.delimiter)
                by_column = self._by_column(cells)
                size = lines_read
                if any(map(str.strip, cells)):
                    yield Row(start + 1, by_column)
            except ValueError as error:
                yield Row(start + 1, {}, str(error))
            start += size

    def _by_column(self, cells: Sequence[str]) -> Mapping[str, str]:
        """Return the cells of columns that are read; raise ValueError if they do not fit."""
        columns = self.columns
        stripped = [cell.strip() for cell in cells]
        if any(stripped[len(columns) :]):
            raise ValueError(
                f"{len(cells)} cells for {len(columns)} columns; put a cell that contains the "
                "delimiter in quotation marks"
            )
        row = {
            name: unquote_formulas(cell)
            for name, cell in zip_longest(columns, stripped[: len(columns)], fillvalue="")
            if name in self._read
        }
        for name, cell in row.items():
            # An id may hold a line break; with a delimiter as well, the cell has swallowed other
            # rows.
            if self.delimiter in cell and ("\n" in cell or "\r" in cell):
                raise ValueError(
                    f"{name} {shortened(cell)!r} contains a line break and {self.delimiter!r}; "
                    "close its quotation mark on the same line"
                )
        return row


def _record(lines: Sequence[str], delimiter: str) -> tuple[list[str], int]:
    """Return the cells of the first record and its number of lines, or raise ValueError."""
    # Without strict, an open quotation mark would silently swallow the following rows.
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        return next(reader, []), reader.line_num
    except csv.Error as error:
        raise ValueError(
            f"{error}; expected cells of at most {csv.field_size_limit():,} characters and "
            f"{LINES_IN_RECORD} lines, with every quotation mark closed"
        ) from error
