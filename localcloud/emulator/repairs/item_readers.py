"""Reads the datasets of a Distributed Map as AWS does.

- A CSV dataset with two columns of one name cannot be read; ministack keeps the last of them.
- An item of JSON Lines ends at a newline; ministack ends it at any Unicode line break. JSON allows
  such characters (U+2028, U+0085) inside a string, for example in the key of a picture.
"""

import csv
import io
import json
from typing import Any

from localcloud.emulator.names import Function, around, private

MODULE = "ministack.services.stepfunctions"

CAUSE = "CSV headers cannot contain duplicates."


def repair() -> None:
    """Look at the columns of CSV before it is read, and read JSON Lines here."""
    error: Function = private(f"{MODULE}:_ExecutionError")
    delimiters: dict[str, str] = private(f"{MODULE}:_CSV_DELIMITERS")

    @around(f"{MODULE}:_parse_reader_items")
    def parse_as_on_aws(parse: Function, text: str, settings: dict[str, Any]) -> list[Any]:
        if settings.get("InputType") == "JSONL":
            return [json.loads(line) for line in text.split("\n") if line.strip()]
        if settings.get("InputType") == "CSV":
            delimiter = delimiters.get(settings.get("CSVDelimiter", "COMMA"), ",")
            columns = settings.get("CSVHeaders") or next(
                csv.reader(io.StringIO(text), delimiter=delimiter), []
            )
            if len(set(columns)) < len(columns):
                raise error("States.ItemReaderFailed", CAUSE)
        return list(parse(text, settings))
