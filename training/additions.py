"""Add captured pictures that people labelled to the training pictures of a staged dataset.

Validation pictures stay as they are, so models before and after are measured alike.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from lambda_src.shared.messages import shown
from training.dataset import Dataset, Picture, StagedObject, file_name
from training.duplicates import near_duplicates
from training.labels import NamedClasses
from training.lists.entries import Entry, read_entries
from training.lists.picture_list import PictureList
from training.manifest import AddedPicture, Manifest
from training.pictures import SPLITS, PreparedPicture, Refusal, SourcePicture, Split
from training.pictures_csv import StagedPicture
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
    """Class name."""
    event_id: str
    where: str
    """As people find the line."""
    location: str
    """Of the list."""
    sha256: str
    """Of the list."""


@dataclass(frozen=True)
class Parent:
    """The dataset to which labels add."""

    prefix: str
    """Of its keys, without a slash at the end."""
    manifest: Manifest
    pictures: Sequence[StagedPicture]
    objects: Mapping[str, StagedObject]
    """By path below the prefix."""


@dataclass(frozen=True)
class Labels:
    """The labels of some lists."""

    by_place: Mapping[str, Label]
    """One for each picture."""
    without_class: int
    """Lines that are not labelled, or labelled as showing no class."""
    refused: Sequence[Refusal]
    """Other lines."""


@dataclass(frozen=True)
class Additions:
    """What labels change in a dataset."""

    new: Sequence[tuple[PreparedPicture, Label]]
    """Training pictures to add, by their hashes."""
    relabelled: Mapping[str, Label]
    """New labels of pictures that were added before, by file name."""
    known: int
    """Pictures that were added before with the same labels."""
    left_out: Sequence[Refusal]
    """Pictures that validate the model, and their near duplicates."""
    refused: Sequence[Refusal]
    """Faulty pictures, and labels that contradict each other."""


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
                if name:
                    place = each.place(entry.picture)
                    labels.append(
                        Label(
                            place, entry.picture, name, entry.event_id, where, each.location, sha256
                        )
                    )
                else:
                    without_class += 1
            except ValueError as error:
                refused.append(Refusal(where, str(error)))
    unanimous, contradictory = _unanimous(labels)
    by_place: dict[str, Label] = {}
    for label in unanimous:
        by_place.setdefault(label.place, label)
    return Labels(by_place, without_class, [*refused, *contradictory])


def compare(
    parent: Parent, labels: Labels, prepared: Iterable[PreparedPicture | Refusal]
) -> Additions:
    """Return what the `prepared` pictures of the labels change in a dataset."""
    staged = {each.sha256: each for each in parent.pictures}
    added = {each.file for each in parent.manifest.added}
    refused = [*labels.refused]
    same: dict[str, list[PreparedPicture]] = defaultdict(list)
    for each in prepared:
        if isinstance(each, Refusal):
            refused.append(each)
        else:
            same[each.sha256].append(each)
    new: list[tuple[PreparedPicture, Label]] = []
    relabelled: dict[str, Label] = {}
    left_out: list[Refusal] = []
    known = 0
    for sha256, (picture, *copies) in sorted(same.items()):
        label, *others = (labels.by_place[each.source.path] for each in (picture, *copies))
        old = staged.get(sha256)
        if any(each.name != label.name for each in others):
            refused.append(_contradiction([label, *others], label.picture))
        elif old is None:
            new.append((picture, label))
        elif old.split == "validation":
            contrary = "" if old.label == label.name else f", which is {old.label!r}"
            left_out.append(Refusal(label.where, f"validates the model: {old.source}{contrary}"))
        elif old.label == label.name:
            known += 1
        elif old.file in added:
            relabelled[old.file] = label
        else:
            refused.append(
                Refusal(
                    label.where,
                    f"the dataset has another label: {old.source} is {old.label!r}, not "
                    f"{label.name!r}; correct it in the dataset's source",
                )
            )
    validation = [each for each in staged.values() if each.split == "validation"]
    pairs = near_duplicates(
        [bytes.fromhex(each.fingerprint) for each in validation],
        [picture.fingerprint for picture, _ in new],
    )
    near = {i: validation[j] for j, i in pairs}
    left_out += [
        Refusal(new[i][1].where, f"near duplicate of a picture that validates: {each.source}")
        for i, each in near.items()
    ]
    new = [each for i, each in enumerate(new) if i not in near]
    return Additions(new, relabelled, known, left_out, refused)


def extend(parent: Parent, additions: Additions) -> Dataset:
    """Return the dataset with the additions, whose other pictures S3 copies."""
    former = parent.manifest
    positions = {name: position for position, name in enumerate(former.classes)}
    new = {file_name(picture.sha256): label for picture, label in additions.new}
    labels = {**additions.relabelled, **new}
    splits: dict[Split, list[Picture]] = {split: [] for split in SPLITS}
    for each in parent.pictures:
        relabelled = each.split == "train" and each.file in additions.relabelled
        splits[each.split].append(
            Picture(
                each.file,
                positions[labels[each.file].name if relabelled else each.label],
                each.sha256,
                bytes.fromhex(each.fingerprint),
                each.source,
                parent.objects[f"{each.split}/{each.file}"],
            )
        )
    splits["train"] += [
        Picture(
            file,
            positions[label.name],
            picture.sha256,
            picture.fingerprint,
            label.picture,
            picture.content,
        )
        for file, (picture, label) in zip(new, additions.new, strict=True)
    ]
    added = {each.file: each for each in former.added} | {
        file: AddedPicture(
            file=file,
            label=label.name,
            event_id=label.event_id,
            labels=label.location,
            labels_sha256=label.sha256,
        )
        for file, label in labels.items()
    }
    return Dataset(
        source=former.source,
        side=former.side,
        classes=former.classes,
        splits=splits,
        refused=tuple(
            # A list that is filled in bit by bit is added again and again.
            dict.fromkeys(
                (
                    *(Refusal(each.path, each.reason) for each in former.refused),
                    *additions.refused,
                    *additions.left_out,
                )
            )
        ),
        archive_sha256=former.archive_sha256,
        archive_published=former.archive_published,
        parent=former.digest,
        added=tuple(added.values()),
    )


def _class_of(entry: Entry, classes: Sequence[str], named: NamedClasses) -> str | None:
    """Return the class that a line names; None if it names none, ValueError if it is unclear."""
    if entry.error:
        raise ValueError(entry.error)
    position = named.position(entry.label)
    if position is not None:
        return classes[position]
    if entry.label and entry.label.casefold() != NONE:
        known = shortened(", ".join(classes))
        raise ValueError(f"no class of the dataset: {shown(entry.label)}; its classes are {known}")
    return None


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
                    contradictions.append(_contradiction(group, value))
                disputed.update(label.place for label in group)
                disputed.update(label.event_id for label in group if label.event_id)
    kept = [label for label in labels if not {label.place, label.event_id} & disputed]
    return kept, contradictions


def _contradiction(labels: Sequence[Label], what: str) -> Refusal:
    first = {label.name: label for label in reversed(labels)}
    says = ", ".join(f"{name!r} in {label.where}" for name, label in sorted(first.items()))
    return Refusal(what, f"contradictory labels: {says}")
