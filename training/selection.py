"""Select which prepared pictures are staged, and whether they train or validate.

A picture's split depends on nothing but its own group, path or pixels, so it stays when others are
added. Validation pictures are never left out for the sake of training pictures.
"""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from training.duplicates import near_duplicates
from training.errors import StagingError
from training.pictures import SPLITS, PreparedPicture, Refusal, Split, counts
from training.source import CifarSource, Prepared

NEEDED: Mapping[Split, int] = {"train": 2, "validation": 1}
"""Pictures of each class."""
REASONS_SHOWN = 5


@dataclass(frozen=True)
class NearDuplicate:
    """A training picture that looks like a validation picture."""

    train: PreparedPicture
    validation: PreparedPicture

    @property
    def reason(self) -> str:
        """Return why the training picture is left out."""
        label = self.validation.source.label
        other = "" if label == self.train.source.label else " with another label"
        return f"near duplicate of a validation picture{other}: {self.validation.source.path}"


@dataclass(frozen=True)
class Selection:
    """The pictures that are staged, and those that are not, with the reasons."""

    prepared: Prepared
    splits: Mapping[Split, Sequence[PreparedPicture]]
    refused: Sequence[Refusal]
    """Faulty pictures."""
    left_out: Sequence[Refusal] = ()
    """Copies of pictures that are staged."""
    near_duplicates: Sequence[NearDuplicate] = ()
    """Of a published split they are staged; otherwise their training pictures are left out."""
    moved: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By class that had no validation picture: paths of those moved to validation."""

    @cached_property
    def counts(self) -> dict[str, dict[str, int]]:
        """Return the number of pictures by split and class name."""
        labels = {
            split: [each.source.label for each in pictures]
            for split, pictures in self.splits.items()
        }
        return counts(labels, self.prepared.classes)


def select(
    prepared: Prepared, *, validation_percent: float = 20, group_pattern: str | None = None
) -> Selection:
    """Leave out copies, and divide the others into training and validation.

    CIFAR-100's pictures and drawn ones stay in the splits in which they were published.
    """
    if isinstance(prepared.source, CifarSource):
        return _published(prepared)
    unique, contradictory, left_out = _without_copies(prepared.usable)
    groups = _groups(unique, group_pattern)
    assigned = _assigned(groups, validation_percent)
    moved = _validate_every_class(groups, assigned)
    splits: dict[Split, list[PreparedPicture]] = {split: [] for split in SPLITS}
    for group, members in groups.items():
        for each in members:
            splits[each.source.split or assigned[group]].append(each)
    for members in splits.values():
        members.sort(key=lambda each: each.sha256)
    near = _near_duplicates(splits)
    lookalikes = {each.train.sha256 for each in near}
    splits["train"] = [each for each in splits["train"] if each.sha256 not in lookalikes]
    left_out += [Refusal(each.train.source.path, each.reason) for each in near]
    refused = [*prepared.refused, *contradictory]
    return Selection(prepared, splits, refused, left_out, near, moved)


def check(selection: Selection, *, max_refused_percent: float) -> None:
    """Raise StagingError if more pictures are refused, or too few are left of a class."""
    if found := faults(selection, max_refused_percent=max_refused_percent):
        raise StagingError("\n".join(found))


def faults(selection: Selection, *, max_refused_percent: float) -> list[str]:
    """Return why the selection cannot be staged."""
    found = []
    refused, total = len(selection.refused), len(selection.prepared.pictures)
    if refused * 100 > max_refused_percent * total:
        first = "".join(
            f"\n  {each.path}: {each.reason}" for each in selection.refused[:REASONS_SHOWN]
        )
        found.append(
            f"{refused:,} of {total:,} pictures are refused, more than "
            f"dataset.max_refused_percent = {max_refused_percent:g}; repair or remove them, or "
            f"raise it:{first}{_more(refused, separator=chr(10) + '  ')}"
        )
    train, validation = (selection.counts[split] for split in SPLITS)
    # A published split is taken as it is.
    published = isinstance(selection.prepared.source, CifarSource)
    needed = 1 if published else NEEDED["train"], NEEDED["validation"]
    scarce = [
        f"{name!r}: {train[name]} and {validation[name]}"
        for name in selection.prepared.classes
        if train[name] < needed[0] or validation[name] < needed[1]
    ]
    if scarce:
        found.append(
            f"too few pictures of {len(scarce)} of {len(train)} classes: each needs {needed[0]} "
            f"for training and {needed[1]} for validation, but there are: "
            f"{'; '.join(scarce[:REASONS_SHOWN])}{_more(len(scarce), separator='; ')}; "
            "add pictures, or leave the class out of dataset.classes"
        )
    return found


def _more(number: int, *, separator: str) -> str:
    more = number - REASONS_SHOWN
    return f"{separator}and {more:,} more" if more > 0 else ""


def _published(prepared: Prepared) -> Selection:
    splits = {
        split: [each for each in prepared.usable if each.source.split == split] for split in SPLITS
    }
    return Selection(prepared, splits, prepared.refused, near_duplicates=_near_duplicates(splits))


def _without_copies(
    pictures: Iterable[PreparedPicture],
) -> tuple[list[PreparedPicture], list[Refusal], list[Refusal]]:
    """Return one picture of each content, contradictory ones, and copies.

    Of copies, the first stays, or the first that the source wants for validation.
    """
    by_content: dict[str, list[PreparedPicture]] = defaultdict(list)
    for each in pictures:
        by_content[each.sha256].append(each)
    unique, contradictory, copies = [], [], []
    for same in by_content.values():
        other = next((each for each in same if each.source.label != same[0].source.label), None)
        if other:
            for each in same:
                contrary = same[0] if each.source.label != same[0].source.label else other
                contradictory.append(
                    Refusal(
                        each.source.path,
                        "the same picture has another label: "
                        f"{contrary.source.path} is {contrary.source.label!r}",
                    )
                )
            continue
        kept = next((each for each in same if each.source.split == "validation"), same[0])
        unique.append(kept)
        copies += [
            Refusal(each.source.path, f"duplicate picture: {kept.source.path}")
            for each in same
            if each is not kept
        ]
    return unique, contradictory, copies


def _groups(
    pictures: Iterable[PreparedPicture], pattern: str | None
) -> dict[str, list[PreparedPicture]]:
    """Return the pictures that stay together."""
    groups: dict[str, list[PreparedPicture]] = defaultdict(list)
    compiled = re.compile(pattern) if pattern else None
    for each in pictures:
        match = compiled.search(each.source.path) if compiled else None
        matched = match and ((match[1] if match.re.groups else None) or match[0])
        groups[each.source.group or matched or each.sha256].append(each)
    return groups


def _assigned(groups: Mapping[str, Sequence[PreparedPicture]], percent: float) -> dict[str, Split]:
    """Return the split of each group: that which the source says of a member, or by chance.

    A group with members in both validates.
    """
    said = {group: {each.source.split for each in members} for group, members in groups.items()}
    given = {
        group: next((split for split in reversed(SPLITS) if split in splits), None)
        for group, splits in said.items()
    }
    return {
        group: split or ("validation" if _chance(group) * 100 < percent else "train")
        for group, split in given.items()
    }


def _chance(group: str) -> float:
    """Return a number from 0 to 1 that depends on the group only."""
    return int.from_bytes(hashlib.sha256(group.encode()).digest()[:8]) / 2**64


def _validate_every_class(
    groups: Mapping[str, Sequence[PreparedPicture]], assigned: dict[str, Split]
) -> dict[str, list[str]]:
    """Move a group of each class that chance left without a validation picture.

    Return the paths of its pictures by class.
    """
    undecided: dict[str, list[str]] = defaultdict(list)
    totals: Counter[str] = Counter()
    validated: set[str] = set()
    for group, members in groups.items():
        totals.update(each.source.label for each in members)
        for each in members:
            if (each.source.split or assigned[group]) == "validation":
                validated.add(each.source.label)
        if not any(each.source.split for each in members):
            for label in {each.source.label for each in members}:
                undecided[label].append(group)
    moved = {}
    for label in sorted(undecided.keys() - validated):
        for group in sorted(undecided[label], key=_chance):
            paths = [each.source.path for each in groups[group] if each.source.label == label]
            if totals[label] - len(paths) >= NEEDED["train"]:
                assigned[group] = "validation"
                moved[label] = paths
                break
    return moved


def _near_duplicates(
    splits: Mapping[Split, Sequence[PreparedPicture]],
) -> list[NearDuplicate]:
    train, validation = splits["train"], splits["validation"]
    of, among = (
        [(each.source.label, each.fingerprint) for each in pictures]
        for pictures in (validation, train)
    )
    found = near_duplicates(of, among)
    return [NearDuplicate(train[position], validation[of]) for of, position in found]
