"""Read the labels that people gave to captured pictures, and find these pictures."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from lambda_src.shared.messages import shown
from training.lists.entries import Entry, read_entries
from training.lists.picture_list import PictureList
from training.names import SPLIT_NAMES, NamedClasses
from training.pictures import Refusal, SourcePicture
from training.places import find_places, read_place
from training.quotations import shortened

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NONE = "none"
"""Label of a picture that shows no class, unless a class has this name."""


@dataclass(frozen=True, slots=True)
class Label:
    """A line that says what a picture shows."""

    place: str
    """Of the picture."""
    picture: str
    """As the list writes it."""
    name: str
    """Class name; empty if the picture shows no class."""
    event_id: str
    where: str
    """As people find the line."""
    location: str
    """Of the list."""
    sha256: str
    """Of the list."""


@dataclass(frozen=True)
class Labels:
    """The labels of some lists."""

    by_place: Mapping[str, Label]
    """One for each picture."""
    without_class: int
    """Lines that are not labelled, or labelled as showing no class."""
    refused: Sequence[Refusal]
    """Other lines."""


class LabelledPictures:
    """A source: the pictures that have a label."""

    name = "labels"
    # The same for every list, so that a picture is prepared once: a path says where it is.
    location = "labels"

    def __init__(self, labels: Labels, *, s3: Callable[[], "S3Client"]) -> None:
        """Take the labels; `s3` returns a client, if S3 is needed."""
        self._labels = labels.by_place
        self._s3 = cache(s3)

    def pictures(self) -> Iterator[SourcePicture | Refusal]:
        """List the pictures by where they are; labelled ones that are missing are refused."""
        found = find_places(self._labels, self._s3)
        for place, label in self._labels.items():
            file = found[place]
            if isinstance(file, str):
                yield Refusal(label.where, f"{file}: {place}")
            else:
                yield SourcePicture(
                    place, label.name, "train", size=file.size, version=file.version
                )

    def read(self, picture: SourcePicture) -> bytes:
        """Return a picture's file; errors are those of `PictureList.read`."""
        return read_place(picture.path, picture.version, self._s3)


def read_labels(lists: Iterable[PictureList], classes: Sequence[str]) -> Labels:
    """Read the lines of lists whose labels are names of `classes`, in any case.

    Raises:
        StagingError: one of them cannot be read, or is no list of pictures.
    """
    named = NamedClasses(classes)
    labels: list[Label] = []
    refused: list[Refusal] = []
    without_class = 0
    for each in lists:
        content = each.content()
        sha256 = hashlib.sha256(content).hexdigest()
        for entry in read_entries(content, each.location):
            where = f"{each.location}, line {entry.line}"
            try:
                name = _class_of(entry, classes, named)
                without_class += not name
                if name is not None:
                    place = each.place(entry.picture)
                    labels.append(
                        Label(
                            place, entry.picture, name, entry.event_id, where, each.location, sha256
                        )
                    )
            except ValueError as error:
                refused.append(Refusal(where, str(error)))
    unanimous, contradictory = _unanimous(labels)
    by_place: dict[str, Label] = {}
    for label in unanimous:
        if label.name:
            by_place.setdefault(label.place, label)
    return Labels(by_place, without_class, [*refused, *contradictory])


def contradiction(labels: Sequence[Label], what: str) -> Refusal:
    """Return the refusal of something that lines label differently."""
    first = {label.name: label for label in reversed(labels)}
    says = ", ".join(f"{name or NONE!r} in {label.where}" for name, label in sorted(first.items()))
    return Refusal(what, f"contradictory labels: {says}")


def _class_of(entry: Entry, classes: Sequence[str], named: NamedClasses) -> str | None:
    """Return the class that a line names, empty if the picture shows none; None without a label.

    Raises:
        ValueError: it is unclear.
    """
    if entry.error:
        raise ValueError(entry.error)
    if entry.split and SPLIT_NAMES.get(entry.split.casefold()) != "train":
        raise ValueError(
            f"split {shown(entry.split)}: what labels add only trains; leave it empty, or put the "
            "picture into the dataset's source"
        )
    position = named.position(entry.label)
    if position is not None:
        return classes[position]
    if not entry.label:
        return None
    if entry.label.casefold() == NONE:
        return ""
    known = shortened(", ".join(classes))
    raise ValueError(f"no class of the dataset: {shown(entry.label)}; its classes are {known}")


def _unanimous(labels: Sequence[Label]) -> tuple[list[Label], list[Refusal]]:
    """Return the labels of pictures about which all lines agree, and the contradictions."""
    disputed: set[str] = set()
    contradictions = []
    for key in ("place", "event_id"):
        groups: dict[str, list[Label]] = defaultdict(list)
        for label in labels:
            if value := getattr(label, key):
                groups[value].append(label)
        for value, group in groups.items():
            if len({label.name for label in group}) > 1:
                if not disputed.issuperset(label.place for label in group):
                    contradictions.append(contradiction(group, value))
                disputed.update(label.place for label in group)
                disputed.update(label.event_id for label in group if label.event_id)
    kept = [label for label in labels if not {label.place, label.event_id} & disputed]
    return kept, contradictions
