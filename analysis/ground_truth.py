"""Join captured records with ground truth: the classes that the pictures really show.

>>> truth = ground_truth.read("out/sample/labels.csv")
>>> records = collect(location, classes=classes, fingerprints=truth.by_picture)
>>> records = ground_truth.join(records, truth)
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import pandas as pd

from analysis.dataset import labelled_fingerprints, read_manifest
from analysis.files import SUFFIXES, client_for
from analysis.labels import GroundTruthError, Label, read_csv, read_json_lines
from analysis.records import Records
from analysis.skipped_lines import Kind, SkippedLine, SkippedLines
from training.manifest import FILE as MANIFEST
from training.names import NamedClasses
from training.quotations import shortened

Key = TypeVar("Key", str, int)


@dataclass(frozen=True)
class GroundTruth:
    """Labels by id or by picture."""

    source: str
    classes: tuple[str, ...]
    """Names in their order, if the source has them, as a staged dataset does; else none."""
    labels: Mapping[str | int, Label]
    """By event id or inference id (str), or by fingerprint of the picture (int)."""
    by_picture: bool
    """Joining needs the records' fingerprints."""
    skipped: SkippedLines


def read(location: str | Path) -> GroundTruth:
    """Return the labels of a staged dataset, a CSV, or SageMaker's ground-truth JSON Lines.

    Args:
        location: a folder or S3 prefix with manifest.json (or that file), whose pictures are
            compared pixel by pixel; a `.csv` with the columns label and event_id or inference_id;
            or `.jsonl` files, or a folder or S3 prefix of them.

    Raises:
        GroundTruthError: it is none of these, or is damaged.
        FileNotFoundError: there is no such file or folder.
    """
    where = str(location).rstrip("/")
    client = client_for(where)
    skipped = SkippedLines()
    root = where.removesuffix(f"/{MANIFEST}")
    manifest = None
    if not where.endswith((".csv", *SUFFIXES)):
        with suppress(FileNotFoundError):
            manifest = read_manifest(root, client)
    labels: Mapping[str | int, Label]
    if manifest:
        labels = _unanimous(labelled_fingerprints(root, manifest.classes, client), skipped)
    elif where.endswith(".csv"):
        labels = _unanimous(read_csv(where, client, skipped.add), skipped)
    else:
        labels = _unanimous(read_json_lines(where, client, skipped.add), skipped)
    if not labels and not skipped.counts.keys() & {Kind.NOT_LABELLED, Kind.CONTRADICTION}:
        wrong = [
            f"; {first.file}, line {first.line}: {first.reason}"
            for first, *_ in skipped.first.values()
        ]
        raise GroundTruthError(
            f"{where} contains no ground truth: expected a folder with {MANIFEST}, a .csv, or "
            f".jsonl files{''.join(wrong)}"
        )
    classes = manifest.classes if manifest else ()
    return GroundTruth(where, classes, labels, manifest is not None, skipped)


def _unanimous(
    labels: Iterable[tuple[Key, Label]], skipped: SkippedLines
) -> dict[str | int, Label]:
    """Return one label for each key; a key with different ones is left out."""
    kept: dict[str | int, Label] = {}
    disputed: set[str | int] = set()
    for key, label in labels:
        first = kept.setdefault(key, label)
        if (first.text, first.weight) != (label.text, label.weight):
            reason = f"{_quoted(label)}, but {_quoted(first)} in {first.file}, line {first.line}"
            skipped.add(SkippedLine(label.file, label.line, reason, Kind.CONTRADICTION))
            disputed.add(key)
    return {key: label for key, label in kept.items() if key not in disputed}


def _quoted(label: Label) -> str:
    weight = "" if label.weight == 1 else f" with weight {label.weight:g}"
    return f"{shortened(label.text)!r}{weight}"


def join(records: Records, truth: GroundTruth) -> Records:
    """Return the records with two more columns in their frame.

    They are true_class (index, Int16, missing if unknown) and weight (how many records this one
    stands for in a stratified sample; else 1). Labels that name no class, by name in any case or
    by index, and labels without a record are added to `skipped`.

    Raises:
        GroundTruthError: the records lack the fingerprints that the labels need, or have other
            classes than the dataset.
    """
    _require_same_classes(records, truth)
    skipped = SkippedLines()
    skipped.add_all(records.skipped)
    skipped.add_all(truth.skipped)
    indices = _indices(truth, records.classes, skipped)
    frame = records.frame
    if truth.by_picture:
        keys = frame["fingerprint"].astype(object)
    else:
        known = frame["inference_id"].isin(indices)
        keys = frame["inference_id"].where(known, frame["event_id"])
    true_class = keys.map(indices).astype("Int16")
    weights = keys.map({key: truth.labels[key].weight for key in indices}).astype("float64")
    if not truth.by_picture:  # a dataset has many pictures that were never captured
        used = set(keys[true_class.notna()])
        for key in [key for key in indices if key not in used]:
            label = truth.labels[key]
            reason = f"{shortened(str(key))}: no such record"
            skipped.add(SkippedLine(label.file, label.line, reason, Kind.UNMATCHED))
    # Not by assign, which warns of frames of a hundred columns.
    known_truth = pd.DataFrame({"true_class": true_class, "weight": weights})
    return replace(records, frame=pd.concat([frame, known_truth], axis=1), skipped=skipped)


def _require_same_classes(records: Records, truth: GroundTruth) -> None:
    if truth.by_picture and "fingerprint" not in records.frame:
        raise GroundTruthError("the records have no fingerprints: collect(..., fingerprints=True)")
    if truth.classes and set(truth.classes) != set(records.classes):
        raise GroundTruthError(
            f"{truth.source} has the classes {', '.join(truth.classes)}, but the records have "
            f"{', '.join(records.classes)}"
        )


def _indices(
    truth: GroundTruth, classes: tuple[str, ...], skipped: SkippedLines
) -> dict[str | int, int]:
    named = NamedClasses(classes)
    # A number may be the name of another class.
    numbered = not any(name.isdecimal() for name in classes)
    by_number = {str(index): index for index in range(len(classes))} if numbered else {}
    indices: dict[str | int, int] = {}
    for key, label in truth.labels.items():
        index = by_number.get(label.text, named.position(label.text))
        if index is None:
            names = shortened(", ".join(classes))
            reason = f"label {shortened(label.text)!r} is none of {names}"
            skipped.add(SkippedLine(label.file, label.line, reason, Kind.UNKNOWN_CLASS))
        else:
            indices[key] = index
    return indices
