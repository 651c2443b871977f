"""Define pictures.csv of a staged dataset: what each of its files shows and where it came from."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from lambda_src.shared.spreadsheets import quote_formulas, unquote_formulas
from training.pictures import Split

FILE = "pictures.csv"
COLUMNS = ("split", "file", "label", "sha256", "fingerprint", "source")


@dataclass(frozen=True, slots=True)
class StagedPicture:
    """A picture of a staged dataset."""

    split: Split
    file: Annotated[str, Field(pattern=r"^[^/\x00-\x1f]+$")]
    """Name below the folder of its split."""
    label: str
    """Class name."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Of the file, in hex."""
    fingerprint: Annotated[str, Field(pattern=r"^([0-9a-f]{2})*$")]
    """`training.duplicates.fingerprint`, in hex."""
    source: str
    """Path in the source."""


_PICTURE = TypeAdapter(StagedPicture)


def serialize(pictures: Iterable[StagedPicture]) -> bytes:
    """Return the file's bytes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for each in pictures:
        label, source = quote_formulas(each.label), quote_formulas(each.source)
        writer.writerow([each.split, each.file, label, each.sha256, each.fingerprint, source])
    return text.getvalue().encode()


def parse(content: bytes, where: str) -> list[StagedPicture]:
    """Return the rows of a file at `where`; raise ValueError if staging writes no such file."""
    rows = csv.DictReader(io.StringIO(content.decode(errors="replace"), newline=""), strict=True)
    try:
        return [
            _PICTURE.validate_python({name: unquote_formulas(row[name]) for name in COLUMNS})
            for row in rows
        ]
    except (KeyError, TypeError, csv.Error, ValidationError) as error:
        raise ValueError(
            f"{where}, line {rows.line_num}: not a row that staging writes; stage the dataset again"
        ) from error
