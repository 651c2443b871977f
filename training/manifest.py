"""Define manifest.json of a staged dataset: staging writes it, all later steps read it."""

import json
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BaseModel, Field, ValidationError, model_validator

Count = Annotated[int, Field(ge=0, strict=True)]


class RefusedRow(BaseModel, frozen=True):
    """A row of the source that did not become a picture, with the reason."""

    split: str
    row: int
    """Counted from 0 within the split of the source."""
    file_name: str
    reason: str


class Manifest(BaseModel, frozen=True):
    """The content of manifest.json, the only source of class names downstream."""

    format: int = 1
    source: str
    digest: str
    classes: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]+$")], ...], Field(min_length=1)
    ]
    counts: Mapping[str, Mapping[str, Count]]
    """Number of pictures by split and class; every split has every class."""
    archive_sha256: str | None = None
    archive_published: bool | None = None
    refused: tuple[RefusedRow, ...] = ()

    @model_validator(mode="after")
    def _every_class_is_counted(self) -> Self:
        for split in ("train", "validation"):
            if missing := [each for each in self.classes if each not in self.counts.get(split, {})]:
                raise ValueError(f"counts.{split} lacks {missing[0]!r}")
        return self

    def content(self) -> bytes:
        """Return the file's bytes."""
        return (json.dumps(self.model_dump(mode="json"), indent=2) + "\n").encode()


def parse(content: bytes, where: str) -> Manifest:
    """Return a manifest read from `where`; raise ValueError if staging writes no such manifest."""
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        first, *_ = error.errors(include_input=False, include_url=False)
        key = ".".join(map(str, first["loc"]))
        reason = f"{key}: {first['msg']}" if key else first["msg"].removeprefix("Value error, ")
        raise ValueError(
            f"{where} is not a staging manifest: {reason[:200]}; stage the dataset again"
        ) from error
