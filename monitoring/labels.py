"""Reads labels, one at a time, from where people and SageMaker keep them."""

import csv
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import boto3
from pydantic import BaseModel, ValidationError
from pydantic.alias_generators import to_camel

from lambda_src.write_predictions.spreadsheets import unquote_formulas
from monitoring.files import OBJECTS_IN_FLIGHT, OnSkip, lines
from monitoring.pictures import fingerprint
from monitoring.skips import Kind, Skip
from training.paths import relative_path

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MANIFEST = "manifest.json"
SPLITS = ("train", "validation")
ID_COLUMNS = ("event_id", "inference_id")


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
    """How many records it stands for, see `monitoring.sample`."""


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
        rows = [_list_row(row, file, classes) for row in content_of(file, client).splitlines()]
        pictures = [f"{root}/{split}/{path}" for _, path in rows]
        with ThreadPoolExecutor(OBJECTS_IN_FLIGHT) as pool:
            prints = pool.map(partial(_fingerprint, client=client), pictures)
            for line, ((name, _), value) in enumerate(zip(rows, prints, strict=True), 1):
                yield value, Label(name, file, line)


def _list_row(row: bytes, file: str, classes: tuple[str, ...]) -> tuple[str, str]:
    try:
        _, label, path = row.decode().split("\t")
        return classes[int(label)], relative_path(path)
    except (ValueError, IndexError) as error:
        raise TruthError(
            f"{file}: {row[:80]!r} is not index, label and path of one of {len(classes)} classes"
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
    """Event id (or inference id, where the row has no event id) and label of every labelled row.

    Columns: label, at least one of event_id and inference_id, and perhaps weight. Commas,
    semicolons or tabs; the first line names the columns.

    Raises:
        TruthError: it is no text, or columns are missing.
    """
    try:
        text = content_of(location, client).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TruthError(f"{location} is not UTF-8 text: {error}; save it as CSV UTF-8") from error
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    rows = csv.DictReader(io.StringIO(text), delimiter=delimiter)
    columns = [name.strip().lower() for name in rows.fieldnames or ()]
    if "label" not in columns or not set(ID_COLUMNS) & set(columns):
        raise TruthError(
            f"{location}: columns {', '.join(columns) or 'none'}; expected label, and event_id or "
            "inference_id"
        )
    rows.fieldnames = columns
    for row in rows:
        yield from _row(row, location, rows.line_num, on_skip)


def _row(
    row: dict[str, str | None], file: str, line: int, on_skip: OnSkip
) -> Iterator[tuple[str, Label]]:
    cells = {
        name: unquote_formulas(value.strip())
        for name, value in row.items()
        if isinstance(value, str)
    }
    key = next((cells[name] for name in ID_COLUMNS if cells.get(name)), "")
    text = cells.get("label", "")
    if not key:
        on_skip(Skip(file, line, "neither event_id nor inference_id", Kind.NO_TRUTH))
    elif not text:
        on_skip(Skip(file, line, f"{key} is not labelled", Kind.NOT_LABELLED))
    else:
        try:
            weight = float(cells.get("weight") or 1)
        except ValueError:
            reason = f"weight {cells['weight']!r} is not a number"
            on_skip(Skip(file, line, reason, Kind.NO_TRUTH))
        else:
            yield key, Label(text, file, line, weight)


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
    if not location.startswith("s3://"):
        try:
            return Path(location).read_bytes()
        except OSError as error:
            raise TruthError(f"{location} cannot be read: {error.strerror}") from error
    client = client or boto3.client("s3")
    parts = urlsplit(location)
    try:
        answer = client.get_object(Bucket=parts.netloc, Key=parts.path.lstrip("/"))
        return answer["Body"].read()
    except client.exceptions.NoSuchKey as error:
        raise TruthError(f"{location} does not exist") from error
