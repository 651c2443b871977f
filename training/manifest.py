"""Define manifest.json of a staged dataset: staging writes it, all later steps read it."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, ValidationError, model_validator

from settings.schema import CIFAR_SIDE
from training.pictures import SPLITS

FILE = "manifest.json"

Count = Annotated[int, Field(ge=0, strict=True)]


class RefusedPicture(BaseModel, frozen=True):
    """A picture of the source that is not part of the dataset, with the reason."""

    path: str
    """As people know it in the source."""
    reason: str

    @model_validator(mode="before")
    @classmethod
    def _formerly_a_row(cls, values: Any) -> Any:
        if isinstance(values, dict) and {"split", "row", "file_name"} <= values.keys():
            path = "{split} row {row}: {file_name}".format(**values)
            return {"path": path, "reason": values.get("reason")}
        return values


class AddedPicture(BaseModel, frozen=True):
    """A training picture that a label from production added."""

    file: str
    """Name below the folder of training pictures."""
    label: str
    """Class name."""
    event_id: str
    """Of the captured picture; the inference id, or nothing, where the list has none."""
    labels: str
    """Location of the list with the label."""
    labels_sha256: str
    """Of that list."""


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
    side: Count = CIFAR_SIDE
    """Pixels of width and height of every picture."""
    bytes: Count | None = None
    """Of all pictures; None in manifests of earlier versions."""
    archive_sha256: str | None = None
    archive_published: bool | None = None
    refused: tuple[RefusedPicture, ...] = ()
    pictures_sha256: str | None = None
    """Of pictures.csv; None in manifests of earlier versions, which have no such file."""
    parent: str | None = None
    """Digest of the dataset to which labels from production were added."""
    added: tuple[AddedPicture, ...] = ()
    """Pictures that such labels added, to `parent` or to its own parents."""

    @model_validator(mode="after")
    def _every_class_is_counted(self) -> Self:
        for split in SPLITS:
            if missing := [each for each in self.classes if each not in self.counts.get(split, {})]:
                raise ValueError(f"counts.{split} lacks {missing[0]!r}")
        return self


def serialize(manifest: Manifest) -> bytes:
    """Return the file's bytes."""
    return (json.dumps(manifest.model_dump(mode="json"), indent=2) + "\n").encode()


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
