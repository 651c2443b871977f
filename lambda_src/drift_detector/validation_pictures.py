"""Choose the validation pictures of a staged dataset for a baseline."""

import hashlib
import math
from collections.abc import Sequence
from typing import NamedTuple

from lambda_src.shared.staged_dataset import StagedDataset

from .baseline import MINIMUM

PICTURES = 400
"""So many are chosen, of each class its share of the traffic; fewer if a class has fewer."""
TOLERATED = 0.01
"""A class may lack so much of its share before the baseline is refused: drift.py reports no change
of the shares that is so small."""


class Row(NamedTuple):
    """One line of validation.lst: index<TAB>label<TAB>path."""

    label: int
    path: str


class Choice(NamedTuple):
    """The pictures of a baseline."""

    rows: list[Row]
    part: float
    """Of the pictures that the shares of the classes come from; 0 if they are known."""


def choose(dataset: StagedDataset, classes: Sequence[str], shares: Sequence[float]) -> Choice:
    """Choose as many pictures of each class as its share of the traffic.

    Without `shares`, the traffic has those of all validation pictures. The pictures are drawn at
    random, the same ones each time.
    """
    rows: list[list[Row]] = [[] for _ in classes]
    for line in dataset.read("validation.lst").splitlines():
        if line:
            row = _row(line, dataset, classes)
            rows[row.label].append(row)
    available = [len(each) for each in rows]
    if reason := shortage(classes, available, shares):
        raise dataset.fault("validation.lst", f"has {reason}")

    def drawn(row: Row) -> bytes:
        # The prefix ends in the dataset's digest.
        return hashlib.sha256(f"{dataset.prefix}/{row.path}".encode()).digest()

    counts = numbers(available, shares)
    chosen = [
        row
        for each, count in zip(rows, counts, strict=True)
        for row in sorted(each, key=drawn)[:count]
    ]
    return Choice(chosen, 0 if shares else len(chosen) / sum(available))


def shortage(
    classes: Sequence[str], available: Sequence[int], shares: Sequence[float]
) -> str | None:
    """Return which class has too few `available` pictures for a baseline; None if none has."""
    if sum(numbers(available, shares)) >= MINIMUM:
        return None
    if sum(available) < MINIMUM:
        return f"{sum(available)} validation pictures; a baseline takes {MINIMUM} or more"
    scarce = min(range(len(shares)), key=lambda label: available[label] / shares[label])
    needed = math.ceil(MINIMUM * shares[scarce])
    return (
        f"{available[scarce]} validation pictures of {classes[scarce]!r}; a baseline takes "
        f"{MINIMUM} or more in all, {needed} of that class"
    )


def numbers(available: Sequence[int], shares: Sequence[float]) -> list[int]:
    """Return how many pictures of each class a baseline takes; below `MINIMUM` it has too few."""
    total = sum(available)
    shares = shares or [count / max(total, 1) for count in available]
    pairs = zip(available, shares, strict=True)
    most = min((count / share for count, share in pairs if share), default=0)
    chosen = _apportioned(min(PICTURES, math.floor(most + 1e-6)), available, shares)
    if sum(chosen) < MINIMUM <= total:
        return _with_a_class_short(available, shares) or chosen
    return chosen


def _with_a_class_short(available: Sequence[int], shares: Sequence[float]) -> list[int] | None:
    """Return the smallest baseline, whose shares are nearly right; None if there is none."""
    for target in range(MINIMUM, 2 * MINIMUM):
        chosen = _apportioned(target, available, shares)
        if (count := sum(chosen)) >= MINIMUM:
            lacking = (share - each / count for share, each in zip(shares, chosen, strict=True))
            return chosen if max(lacking) <= TOLERATED else None
    return None


def _apportioned(count: int, available: Sequence[int], shares: Sequence[float]) -> list[int]:
    """Split a number by the shares, by largest remainder, but take no more than is available."""
    exact = [count * share for share in shares]
    parts = [int(each) for each in exact]
    by_remainder = sorted(range(len(parts)), key=lambda label: parts[label] - exact[label])
    for label in by_remainder[: count - sum(parts)]:
        parts[label] += 1
    return [min(pair) for pair in zip(parts, available, strict=True)]


def _row(line: bytes, dataset: StagedDataset, classes: Sequence[str]) -> Row:
    labels = [float(label) for label in range(len(classes))]
    try:
        _, label, path = line.decode().split("\t")
        return Row(labels.index(float(label)), path)
    except ValueError as error:
        raise dataset.fault(
            "validation.lst",
            f"has the line {line[:200]!r}, expected index, label below {len(labels)} and path "
            "between tabs",
        ) from error
