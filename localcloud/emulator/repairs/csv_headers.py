"""A CSV dataset with two columns of one name cannot be read; ministack keeps the last of them."""

import csv
import io
from collections.abc import Callable
from functools import wraps
from typing import Any

from localcloud.emulator.names import private, replace

MODULE = "ministack.services.stepfunctions"
PARSE = f"{MODULE}:_parse_reader_items"

CAUSE = "CSV headers cannot contain duplicates."


def repair() -> None:
    """Look at the names of the columns before the rows are read."""
    parse: Callable[[str, dict[str, Any]], list[Any]] = private(PARSE)
    error: Callable[[str, str], Exception] = private(f"{MODULE}:_ExecutionError")
    delimiters: dict[str, str] = private(f"{MODULE}:_CSV_DELIMITERS")

    @wraps(parse)
    def parse_different_columns(text: str, settings: dict[str, Any]) -> list[Any]:
        if settings.get("InputType") == "CSV":
            delimiter = delimiters.get(settings.get("CSVDelimiter", "COMMA"), ",")
            columns = settings.get("CSVHeaders") or next(
                csv.reader(io.StringIO(text), delimiter=delimiter), []
            )
            if len(set(columns)) < len(columns):
                raise error("States.ItemReaderFailed", CAUSE)
        return parse(text, settings)

    replace(PARSE, parse_different_columns)
