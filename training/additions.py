"""Add captured pictures that people labelled to the training pictures of a staged dataset.

Validation pictures stay as they are, so models before and after are measured alike.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from training.dataset import Dataset, Picture, StagedObject, file_name
from training.duplicates import near_duplicates
from training.manifest import AddedPicture, Manifest
from training.pictures import SPLITS, PreparedPicture, Refusal, Split
from training.pictures_csv import StagedPicture
from training.production_labels import Label, Labels, contradiction


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
            refused.append(contradiction([label, *others], label.picture))
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
        [(each.label, bytes.fromhex(each.fingerprint)) for each in validation],
        [(label.name, picture.fingerprint) for picture, label in new],
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
