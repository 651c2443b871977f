"""Show which pictures are staged, which are not and why, and how they are divided."""

import re
from collections import defaultdict
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from training.pictures import Refusal
from training.selection import Selection
from training.source import AnySource, CifarSource

EXAMPLES = 3
_NUMBER = re.compile(r"\d[\d,]*")
OTHER_CLASSES_SHOWN = 10
MANY_ALIKE = 0.05


def show(selection: Selection, console: Console) -> None:
    """Print where the pictures come from, how many are staged, and what is not."""
    console.print(f"Source: {origin(selection.prepared.source)}", soft_wrap=True)
    console.print(_classes(selection))
    if selection.refused or selection.left_out:
        console.print(_refusals(selection))
    for note in notes(selection):
        console.print(note, soft_wrap=True)


def origin(pictures: AnySource) -> str:
    """Describe the source."""
    if not isinstance(pictures, CifarSource):
        return f"{pictures.name} {pictures.location}"
    if pictures.name == "drawn":
        return "drawn (stand-ins, not photographs)"
    kind = "the published archive" if pictures.archive_published else "not the published archive"
    return f"{pictures.name} ({kind}, sha256 {pictures.archive_sha256})"


def notes(selection: Selection) -> list[str]:
    """Return what else there is to know about the selection."""
    said = []
    if others := selection.prepared.other_classes:
        names = ", ".join(sorted(others)[:OTHER_CLASSES_SHOWN])
        more = ", ..." if len(others) > OTHER_CLASSES_SHOWN else ""
        said.append(
            f"Not in dataset.classes: {sum(others.values()):,} pictures of {len(others)} other "
            f"classes ({names}{more})."
        )
    for name, paths in selection.moved.items():
        said.append(
            f"By chance, {name!r} had no validation picture: {', '.join(paths[:EXAMPLES])} went "
            "there. When you add pictures of this class, that may change once."
        )
    if near := selection.near_duplicates:
        published = isinstance(selection.prepared.source, CifarSource)
        stay = "stay, as published" if published else "are left out"
        said.append(f"{len(near):,} training pictures look like a validation picture and {stay}.")
        if not published and len(near) > MANY_ALIKE * len(selection.splits["train"]):
            said.append(
                "If these are series, such as frames of a video, dataset.group_pattern keeps each "
                "series in one split."
            )
    return said


def by_reason(refusals: Iterable[Refusal]) -> dict[str, list[Refusal]]:
    """Return the refusals by reason without its details, the most frequent first."""
    reasons: dict[str, list[Refusal]] = defaultdict(list)
    for each in refusals:
        reasons[_NUMBER.sub("N", _kind(each))].append(each)
    ordered = sorted(reasons.values(), key=len, reverse=True)
    return {_kind(each[0]): each for each in ordered}


def _kind(refusal: Refusal) -> str:
    return refusal.reason.partition(": ")[0]


def _classes(selection: Selection) -> Table:
    table = Table("kept", *selection.splits)
    for column in table.columns[1:]:
        column.justify = "right"
    for name in selection.prepared.classes:
        table.add_row(name, *(f"{counts[name]:,}" for counts in selection.counts.values()))
    table.add_section()
    table.add_row("all", *(f"{len(pictures):,}" for pictures in selection.splits.values()))
    return table


def _refusals(selection: Selection) -> Table:
    table = Table("not staged", "pictures", "such as")
    table.columns[1].justify = "right"
    for kind, refusals in (("refused", selection.refused), ("left out", selection.left_out)):
        for reason, each in by_reason(refusals).items():
            examples = ", ".join(refusal.path for refusal in each[:EXAMPLES])
            table.add_row(f"{kind}: {reason}", f"{len(each):,}", examples)
    return table
