"""Ground truth: what the captured pictures really show, joined to the records.

>>> truth = read("out/sample/labels.csv")
>>> records = collect(location, classes=classes, fingerprints=truth.by_picture)
>>> joined = join(records, truth)
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from analysis.files import SUFFIXES
from analysis.labels import (
    MANIFEST,
    Label,
    TruthError,
    classes_of,
    content_of,
    of_csv,
    of_dataset,
    of_lines,
)
from analysis.records import Records
from analysis.skips import Kind, Skip, Skips, Tally, shortened
from operations.aws import session
from settings.s3_uris import is_s3

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Key = TypeVar("Key", str, int)


@dataclass(frozen=True)
class Truth:
    """Labels by id or by picture."""

    source: str
    classes: tuple[str, ...]
    """Names in their order, where the source says them (a staged dataset does); else none."""
    labels: Mapping[str | int, Label]
    """By event id or inference id (str), or by fingerprint of the picture (int)."""
    by_picture: bool
    """True if records need fingerprints to be joined with it."""
    skips: Skips


@dataclass(frozen=True)
class Joined:
    """Records with the truth where it is known."""

    records: Records
    """The frame has three columns more: label (name, missing where unknown), truth (index,
    Int16) and weight (how many records this one stands for in a stratified sample; else 1)."""
    matched: int
    """Records whose truth is known."""
    unmatched_records: int
    unmatched_labels: int


def read(location: str | Path, *, s3_client: "S3Client | None" = None) -> Truth:
    """Labels from a staged dataset, a CSV or SageMaker's ground-truth JSON Lines.

    Args:
        location: a folder or S3 prefix with manifest.json (or that file): pictures are compared
            pixel for pixel; a `.csv` with the columns label and event_id or inference_id; or
            `.jsonl` files, or a folder or S3 prefix of them.
        s3_client: used for S3 locations; made from the environment if not given.

    Raises:
        TruthError: it is none of these, or does not hold together.
        FileNotFoundError: there is no such local file or folder.
    """
    where = str(location).rstrip("/")
    client = s3_client
    if client is None and is_s3(where):
        client = session().client("s3")
    tally = Tally()
    if where.endswith(".csv"):
        labels = _unanimous(of_csv(where, client, tally.add), tally)
        return _checked(Truth(where, (), labels, False, tally.skips()))
    root = where.removesuffix(f"/{MANIFEST}")
    manifest = None if where.endswith(SUFFIXES) else _manifest(root, client)
    if manifest is None:
        labels = _unanimous(of_lines(where, client, tally.add), tally)
        return _checked(Truth(where, (), labels, False, tally.skips()))
    classes = classes_of(manifest, f"{root}/{MANIFEST}")
    pictures = _unanimous(of_dataset(root, classes, client), tally)
    return _checked(Truth(root, classes, pictures, True, tally.skips()))


def _manifest(root: str, client: "S3Client | None") -> bytes | None:
    try:
        return content_of(f"{root}/{MANIFEST}", client)
    except TruthError:
        return None


def _checked(truth: Truth) -> Truth:
    if truth.labels or truth.skips.counts.keys() & {Kind.NOT_LABELLED, Kind.CONTRADICTION}:
        return truth
    wrong = [
        f"; {skips[0].file}, line {skips[0].line}: {skips[0].reason}"
        for skips in truth.skips.first.values()
    ]
    raise TruthError(
        f"{truth.source} holds no ground truth: expected a folder with {MANIFEST}, a .csv, or "
        f".jsonl files{''.join(wrong)}"
    )


def _unanimous(labels: Iterable[tuple[Key, Label]], tally: Tally) -> dict[str | int, Label]:
    """One label for each key; a key with different ones is left out and counted."""
    kept: dict[str | int, Label] = {}
    disputed: set[str | int] = set()
    for key, label in labels:
        first = kept.setdefault(key, label)
        if (first.text, first.weight) != (label.text, label.weight):
            reason = f"{_said(label)}, but {_said(first)} in {first.file}, line {first.line}"
            tally.add(Skip(label.file, label.line, reason, Kind.CONTRADICTION))
            disputed.add(key)
    return {key: label for key, label in kept.items() if key not in disputed}


def _said(label: Label) -> str:
    weight = "" if label.weight == 1 else f" with weight {label.weight:g}"
    return f"{shortened(label.text)!r}{weight}"


# --- Joining ----------------------------------------------------------------------------------


def join(records: Records, truth: Truth) -> Joined:
    """Add what is known of the truth to the records' frame.

    A label belongs to a record by picture, or by event id or inference id. A label that names no
    class, by name (upper or lower case) or by index, or belongs to no record, is counted in
    `records.skips`.

    Raises:
        TruthError: the records lack fingerprints that the truth needs, or their classes are not
            those of the dataset.
    """
    _require_same_classes(records, truth)
    tally = Tally()
    tally.add_all(records.skips)
    tally.add_all(truth.skips)
    indices = _indices(truth, records.classes, tally)
    frame = records.frame
    if truth.by_picture:
        keys = frame["picture"].astype(object)
    else:
        known = frame["inference_id"].isin(indices)
        keys = frame["inference_id"].where(known, frame["event_id"])
    index = keys.map(indices).astype("Int16")
    used = set(keys[index.notna()])
    # In the order of the file, since the first one is printed.
    for key in () if truth.by_picture else [key for key in indices if key not in used]:
        label = truth.labels[key]
        reason = f"{shortened(str(key))}: no such record"
        tally.add(Skip(label.file, label.line, reason, Kind.UNMATCHED))
    names = index.map(dict(enumerate(records.classes)), na_action="ignore")
    weights = keys.map({key: truth.labels[key].weight for key in indices})
    frame = frame.assign(label=names.astype("str"), truth=index, weight=weights.astype("float64"))
    matched = int(index.notna().sum())
    return Joined(
        records=replace(records, frame=frame, skips=tally.skips()),
        matched=matched,
        unmatched_records=len(frame) - matched,
        unmatched_labels=len(indices) - len(used),
    )


def _require_same_classes(records: Records, truth: Truth) -> None:
    if truth.by_picture and "picture" not in records.frame:
        raise TruthError("the records have no fingerprints: collect(..., fingerprints=True)")
    if truth.classes and set(truth.classes) != set(records.classes):
        raise TruthError(
            f"{truth.source} has the classes {', '.join(truth.classes)}, but the records have "
            f"{', '.join(records.classes)}"
        )


def _indices(truth: Truth, classes: tuple[str, ...], tally: Tally) -> dict[str | int, int]:
    by_text = {str(index): index for index in range(len(classes))}
    by_text |= {name.casefold(): index for index, name in enumerate(classes)}
    indices: dict[str | int, int] = {}
    for key, label in truth.labels.items():
        index = by_text.get(label.text.casefold())
        if index is None:
            reason = f"label {shortened(label.text)!r} is none of {', '.join(classes)}"
            tally.add(Skip(label.file, label.line, reason, Kind.UNKNOWN_CLASS))
        else:
            indices[key] = index
    return indices
