"""Reads labels, one at a time, from where people and SageMaker keep them."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ValidationError
from pydantic.alias_generators import to_camel

from analysis.files import OBJECTS_IN_FLIGHT, OnSkip, lines
from analysis.pictures import fingerprint
from analysis.skips import Kind, Skip, shortened
from lambda_src.shared.spreadsheets import unquote_formulas
from operations.aws import session
from settings.s3_uris import S3Uri, S3UriError, is_s3
from training.paths import relative_path

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MANIFEST = "manifest.json"
SPLITS = ("train", "validation")
ID_COLUMNS = ("event_id", "inference_id")
COLUMNS_READ = (*ID_COLUMNS, "label", "weight")
LINES_IN_RECORD = 100
"""Bounds how far an open quotation mark is followed."""

LIGHTEST, HEAVIEST = 1e-6, 1e9
"""Weights whose squares and sums stay exact enough for the intervals."""

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)(?:[eE][+-]?[0-9]+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}")


class TruthError(ValueError):
    """The ground truth as a whole cannot be used; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Label:
    """What one picture or record shows, as somebody wrote it."""

    text: str
    """Name or index of a class."""
    file: str
    line: int
    weight: float = 1.0
    """How many records it stands for, see `analysis.sample`."""


# --- A staged dataset -------------------------------------------------------------------------


def classes_of(manifest: bytes, where: str) -> tuple[str, ...]:
    """Names of the classes, in their order.

    Raises:
        TruthError: it is no manifest.
    """
    try:
        return tuple(_Manifest.model_validate_json(manifest).classes)
    except ValidationError as error:
        raise TruthError(f"{where} is no manifest of a staged dataset: {error}") from error


class _Manifest(BaseModel):
    classes: list[str]


def of_dataset(
    root: str, classes: tuple[str, ...], client: "S3Client | None"
) -> Iterator[tuple[int, Label]]:
    """Fingerprint and label of every picture that train.lst and validation.lst list.

    Raises:
        TruthError: a list or a picture is missing or damaged.
    """
    for split in SPLITS:
        file = f"{root}/{split}.lst"
        rows = [list_row(row, file, classes) for row in content_of(file, client).splitlines()]
        pictures = [f"{root}/{split}/{path}" for _, path in rows]
        with ThreadPoolExecutor(OBJECTS_IN_FLIGHT) as pool:
            prints = pool.map(partial(_fingerprint, client=client), pictures)
            for line, ((name, _), value) in enumerate(zip(rows, prints, strict=True), 1):
                yield value, Label(name, file, line)


def list_row(row: bytes, file: str, classes: Sequence[str]) -> tuple[str, str]:
    """Return class and path of a picture, as a line of a .lst file has them.

    Raises:
        TruthError: it is no such line; a label from the end, -1, is none either.
    """
    try:
        _, label, path = row.decode().split("\t")
        return classes[range(len(classes)).index(int(label))], relative_path(path)
    except ValueError as error:
        raise TruthError(
            f"{file}: {row[:80]!r} is not index, label and path of one of {len(classes)} classes; "
            "stage the dataset again"
        ) from error


def _fingerprint(picture: str, *, client: "S3Client | None") -> int:
    content = content_of(picture, client)
    try:
        return fingerprint(content)
    except ValueError as error:
        raise TruthError(f"{picture}: {error}") from error


# --- CSV --------------------------------------------------------------------------------------


def of_csv(
    location: str, client: "S3Client | None", on_skip: OnSkip
) -> Iterator[tuple[str, Label]]:
    """Yield event id (or inference id, where the row has no event id) and label of each row.

    Columns: label, at least one of event_id and inference_id, and perhaps weight. Commas,
    semicolons or tabs; the first line names the columns. A row that cannot be read is skipped,
    and the next line is read.

    Raises:
        TruthError: it is no text, or columns are missing.
    """
    try:
        text = content_of(location, client).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TruthError(f"{location} is not UTF-8 text: {error}; save it as CSV UTF-8") from error
    # Spreadsheets end lines with LF, CR LF or, on older Macs, CR.
    lines = list(io.StringIO(text, newline=""))
    header = lines[0] if lines else ""
    delimiter = max(",;\t", key=header.count)
    columns = _columns(header, delimiter, location)
    start = 1
    while start < len(lines):
        try:
            cells, read = _record(lines[start : start + LINES_IN_RECORD], delimiter)
            row = _row(cells, columns, delimiter)
        except ValueError as error:
            on_skip(Skip(location, start + 1, str(error), Kind.NO_TRUTH))
            start += 1
        else:
            if any(map(str.strip, cells)):
                yield from _label(row, location, start + 1, delimiter, on_skip)
            start += read


def _columns(header: str, delimiter: str, file: str) -> list[str]:
    try:
        cells, _ = _record([header], delimiter)
    except ValueError as error:
        raise TruthError(f"{file}, line 1: {error}") from error
    columns = [name.strip().lower() for name in cells]
    if "label" not in columns or not set(ID_COLUMNS) & set(columns):
        raise TruthError(
            f"{file}: columns {shortened(', '.join(columns)) or 'none'}; expected label, and "
            "event_id or inference_id"
        )
    for name in COLUMNS_READ:
        if columns.count(name) > 1:
            raise TruthError(f"{file}: column {name} appears twice; remove or rename one of them")
    return columns


def _record(lines: Sequence[str], delimiter: str) -> tuple[list[str], int]:
    """Return the cells of the first record, and how many lines it takes.

    Raises:
        ValueError: it is no CSV.
    """
    # Not strict, an open quotation mark would silently take the following rows into its cell.
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
    try:
        return next(reader, []), reader.line_num
    except csv.Error as error:
        raise ValueError(
            f"{error}; expected cells of at most {csv.field_size_limit():,} characters and "
            f"{LINES_IN_RECORD} lines, with every quotation mark closed"
        ) from error


def _row(cells: Sequence[str], columns: Sequence[str], delimiter: str) -> dict[str, str]:
    """Return the cells that are read, by column.

    Raises:
        ValueError: the cells do not fit the columns.
    """
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
        # An id may hold a line break; with a delimiter as well, the cell has taken in other rows.
        if delimiter in cell and ("\n" in cell or "\r" in cell):
            raise ValueError(
                f"{name} {shortened(cell)!r} contains a line break and {delimiter!r}; close its "
                "quotation mark on the same line"
            )
    return row


def _label(
    row: Mapping[str, str], file: str, line: int, delimiter: str, on_skip: OnSkip
) -> Iterator[tuple[str, Label]]:
    key = next((row[name] for name in ID_COLUMNS if row.get(name)), "")
    text = row.get("label", "")
    if not key:
        on_skip(Skip(file, line, "neither event_id nor inference_id", Kind.NO_TRUTH))
    elif not text:
        on_skip(Skip(file, line, f"{shortened(key)} is not labelled", Kind.NOT_LABELLED))
    else:
        try:
            weight = _weight(row.get("weight", "1"), delimiter)
        except ValueError as error:
            on_skip(Skip(file, line, str(error), Kind.NO_TRUTH))
        else:
            yield key, Label(text, file, line, weight)


def _weight(text: str, delimiter: str) -> float:
    """Return the weight with a decimal point or a decimal comma.

    Raises:
        ValueError: it is empty, is no number, may be two different ones, or is out of range.
    """
    if not text:
        raise ValueError(
            "weight is empty; write how many records the row stands for, or remove the column "
            "weight, and every row counts once"
        )
    if not _NUMBER.fullmatch(text):
        raise ValueError(
            f"weight {shortened(text)!r} is not a number; expected digits without separators of "
            "thousands, such as 4.7 or 4,7"
        )
    # Semicolons separate cells where the comma is decimal; elsewhere it may separate thousands.
    if delimiter != ";" and _THOUSANDS.fullmatch(text):
        raise ValueError(
            f"weight {text!r} may have a decimal comma or a separator of thousands; write it with "
            "a decimal point or without a separator"
        )
    weight = float(text.replace(",", "."))
    if not LIGHTEST <= weight <= HEAVIEST:
        raise ValueError(
            f"weight {shortened(text)!r} is out of range; expected {LIGHTEST:g} to {HEAVIEST:g}"
        )
    return weight


# --- SageMaker's ground truth -----------------------------------------------------------------


class _GroundTruthData(BaseModel):
    data: str
    encoding: Literal["CSV"]


class _EventMetadata(BaseModel, alias_generator=to_camel):
    event_id: str


class _GroundTruth(BaseModel, alias_generator=to_camel):
    """Source of the format, in which only CSV is supported:
    https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-merge.html
    """

    ground_truth_data: _GroundTruthData
    event_metadata: _EventMetadata


def of_lines(
    location: str, client: "S3Client | None", on_skip: OnSkip
) -> Iterator[tuple[str, Label]]:
    """Id and label of every line of SageMaker's ground truth below `location`.

    The id is the inference id where the caller gave one, else the event id.

    Raises:
        FileNotFoundError: there is no such local file or folder.
    """
    for file, number, line in lines(location, on_skip=on_skip, s3_client=client):
        try:
            record = _GroundTruth.model_validate_json(line)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "line"
            on_skip(Skip(file, number, f"{where}: {first['msg']}", Kind.NO_TRUTH))
            continue
        text = record.ground_truth_data.data.strip().strip('"')
        key = record.event_metadata.event_id
        if text:
            yield key, Label(text, file, number)
        else:
            on_skip(Skip(file, number, f"{key} is not labelled", Kind.NOT_LABELLED))


# --- Files ------------------------------------------------------------------------------------


def content_of(location: str, client: "S3Client | None") -> bytes:
    """Content of a local file or an S3 object.

    Raises:
        TruthError: there is none.
    """
    if not is_s3(location):
        try:
            return Path(location).read_bytes()
        except OSError as error:
            raise TruthError(f"{location} cannot be read: {error.strerror}") from error
    try:
        uri = S3Uri.parse_object(location)
    except S3UriError as error:
        raise TruthError(str(error)) from error
    client = client or session().client("s3")
    try:
        answer = client.get_object(Bucket=uri.bucket, Key=uri.key)
        return answer["Body"].read()
    except client.exceptions.NoSuchKey as error:
        raise TruthError(f"{location} does not exist") from error
