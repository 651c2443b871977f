"""Read labels, one at a time, from the files in which people and SageMaker keep them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import AliasPath, BaseModel, Field, ValidationError

from analysis.captures import first_error
from analysis.files import OnSkip, content_of, lines
from analysis.skipped_lines import Kind, SkippedLine
from training.lists.csv_files import CsvError, CsvFile
from training.quotations import shortened

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ID_COLUMNS = ("event_id", "inference_id")
COLUMNS_READ = (*ID_COLUMNS, "label", "weight")

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
    content = content_of(location, s3_client)
    try:
        file = CsvFile(content, name=location, read=COLUMNS_READ)
    except CsvError as error:
        raise GroundTruthError(str(error)) from error
    if "label" not in file.columns or not set(ID_COLUMNS) & set(file.columns):
        raise GroundTruthError(
            f"{location}: columns {shortened(', '.join(file.columns)) or 'none'}; expected label, "
            "and event_id or inference_id"
        )
    for row in file.rows():
        key = row.cells.get("event_id") or row.cells.get("inference_id")
        label = row.cells.get("label")
        try:
            if row.error:
                raise ValueError(row.error)
            if not key:
                raise ValueError("neither event_id nor inference_id")
            if label:
                weight = _weight(row.cells.get("weight", "1"), file.delimiter)
                yield key, Label(label, location, row.line, weight)
            else:
                on_skip(_not_labelled(location, row.line, key))
        except ValueError as error:
            on_skip(SkippedLine(location, row.line, str(error), Kind.NO_LABEL))


def _not_labelled(file: str, line: int, key: str) -> SkippedLine:
    return SkippedLine(file, line, f"{shortened(key)} is not labelled", Kind.NOT_LABELLED)


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
