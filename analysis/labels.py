"""Read labels, one at a time, from the files in which people and SageMaker keep them."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Literal

from pydantic import AliasPath, BaseModel, Field, ValidationError

from analysis.captures import first_error
from analysis.files import OnSkip, content_of, lines
from analysis.skipped_lines import Kind, SkippedLine, shortened
from lambda_src.shared.spreadsheets import unquote_formulas

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ID_COLUMNS = ("event_id", "inference_id")
COLUMNS_READ = (*ID_COLUMNS, "label", "weight")
LINES_IN_RECORD = 100
"""Bounds how far an open quotation mark is followed."""

LIGHTEST, HEAVIEST = 1e-6, 1e9
"""Weights whose squares and sums stay exact enough for the intervals."""

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)(?:[eE][+-]?[0-9]+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}")


class GroundTruthError(ValueError):
    """The ground truth as a whole cannot be used."""


@dataclass(frozen=True, slots=True)
class Label:
    """The class of one picture or record, as it was written."""

    text: str
    """Name or index of a class."""
    file: str
    line: int
    weight: float = 1.0
    """How many records it stands for, see `analysis.labelling`."""


# --- CSV --------------------------------------------------------------------------------------


def read_csv(
    location: str, s3_client: "S3Client | None", on_skip: OnSkip
) -> Iterator[tuple[str, Label]]:
    """Yield event id (inference id in rows without one) and label of each row.

    The first line names the columns: label, event_id or inference_id, and optionally weight,
    separated by commas, semicolons or tabs. An unreadable row does not affect the next line.

    Raises:
        GroundTruthError: it is not text, or columns are missing.
        FileNotFoundError: there is no such file or object.
    """
    try:
        text = content_of(location, s3_client).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise GroundTruthError(
            f"{location} is not UTF-8 text: {error}; save it as CSV UTF-8"
        ) from error
    # Spreadsheets end lines with LF, CR LF or, on older Macs, CR.
    lines = list(io.StringIO(text, newline=""))
    header = lines[0] if lines else ""
    delimiter = max(",;\t", key=header.count)
    columns = _columns(header, delimiter, location)
    start = 1
    while start < len(lines):
        size = 1
        try:
            cells, lines_read = _record(lines[start : start + LINES_IN_RECORD], delimiter)
            row = _row(cells, columns, delimiter)
            size = lines_read
            if any(map(str.strip, cells)):
                key = row.get("event_id") or row.get("inference_id")
                if not key:
                    raise ValueError("neither event_id nor inference_id")
                if label := row.get("label"):
                    weight = _weight(row.get("weight", "1"), delimiter)
                    yield key, Label(label, location, start + 1, weight)
                else:
                    on_skip(_not_labelled(location, start + 1, key))
        except ValueError as error:
            on_skip(SkippedLine(location, start + 1, str(error), Kind.NO_LABEL))
        start += size


def _not_labelled(file: str, line: int, key: str) -> SkippedLine:
    return SkippedLine(file, line, f"{shortened(key)} is not labelled", Kind.NOT_LABELLED)


def _columns(header: str, delimiter: str, file: str) -> list[str]:
    try:
        cells, _ = _record([header], delimiter)
    except ValueError as error:
        raise GroundTruthError(f"{file}, line 1: {error}") from error
    columns = [name.strip().lower() for name in cells]
    if "label" not in columns or not set(ID_COLUMNS) & set(columns):
        raise GroundTruthError(
            f"{file}: columns {shortened(', '.join(columns)) or 'none'}; expected label, and "
            "event_id or inference_id"
        )
    for name in COLUMNS_READ:
        if columns.count(name) > 1:
            raise GroundTruthError(
                f"{file}: column {name} appears twice; remove or rename one of them"
            )
    return columns


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


def _row(cells: Sequence[str], columns: Sequence[str], delimiter: str) -> Mapping[str, str]:
    """Return the cells of `COLUMNS_READ`, by column; raise ValueError if they do not fit."""
    stripped = [cell.strip() for cell in cells]
    if any(stripped[len(columns) :]):
        raise ValueError(
            f"{len(cells)} cells for {len(columns)} columns; put a cell that contains the "
            "delimiter in quotation marks"
        )
    row = {
        name: unquote_formulas(cell)
        for name, cell in zip_longest(columns, stripped[: len(columns)], fillvalue="")
        if name in COLUMNS_READ
    }
    for name, cell in row.items():
        # An id may hold a line break; with a delimiter as well, the cell has swallowed other rows.
        if delimiter in cell and ("\n" in cell or "\r" in cell):
            raise ValueError(
                f"{name} {shortened(cell)!r} contains a line break and {delimiter!r}; close its "
                "quotation mark on the same line"
            )
    return row


def _weight(text: str, delimiter: str) -> float:
    """Return a weight with decimal point or comma; raise ValueError if unclear or out of range."""
    if not text:
        raise ValueError(
            "weight is empty; write how many records the row stands for, or remove the column "
            "weight, and every row counts once"
        )
    if not _NUMBER.fullmatch(text):
        raise ValueError(
            f"weight {shortened(text)!r} is not a number; expected digits without thousands "
            "separators, such as 4.7 or 4,7"
        )
    # Semicolons separate cells where the comma is decimal; elsewhere it may separate thousands.
    if delimiter != ";" and _THOUSANDS.fullmatch(text):
        raise ValueError(
            f"weight {text!r} may have a decimal comma or a thousands separator; write it with "
            "a decimal point or without a separator"
        )
    weight = float(text.replace(",", "."))
    if not LIGHTEST <= weight <= HEAVIEST:
        raise ValueError(
            f"weight {shortened(text)!r} is out of range; expected {LIGHTEST:g} to {HEAVIEST:g}"
        )
    return weight


# --- SageMaker's ground truth -----------------------------------------------------------------


class _GroundTruth(BaseModel):
    """The format, in which only CSV is supported:
    https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-merge.html
    """

    data: str = Field(validation_alias=AliasPath("groundTruthData", "data"))
    encoding: Literal["CSV"] = Field(validation_alias=AliasPath("groundTruthData", "encoding"))
    event_id: str = Field(validation_alias=AliasPath("eventMetadata", "eventId"))


def read_json_lines(
    location: str, s3_client: "S3Client | None", on_skip: OnSkip
) -> Iterator[tuple[str, Label]]:
    """Yield id and label of every line of SageMaker's ground truth below `location`.

    The id is the inference id if the caller supplied one, else the event id.

    Raises:
        FileNotFoundError: there is no such local file or folder.
    """
    for file, number, line in lines(location, on_skip=on_skip, s3_client=s3_client):
        try:
            record = _GroundTruth.model_validate_json(line)
        except ValidationError as error:
            on_skip(SkippedLine(file, number, first_error(error), Kind.NO_LABEL))
            continue
        text = record.data.strip().strip('"')
        key = record.event_id
        if text:
            yield key, Label(text, file, number)
        else:
            on_skip(_not_labelled(file, number, key))
