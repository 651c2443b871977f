"""Choose the validation pictures of a staged dataset for a baseline."""

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from lambda_src.shared.staged_dataset import StagedDataset

from .baseline import MINIMUM

PICTURES = 400
"""About so many are chosen, of each class its share of the traffic; fewer if a class has fewer."""


class Row(NamedTuple):
    """One line of validation.lst: index<TAB>label<TAB>path."""

    label: int
    path: str


def choose(dataset: StagedDataset, shares: Sequence[float]) -> list[Row]:
    """Return the first pictures of each class, as many as its share of the traffic."""
    dataset.manifest()
    by_label: defaultdict[int, list[Row]] = defaultdict(list)
    for line in dataset.read("validation.lst").splitlines():
        if line:
            row = _row(line, dataset)
            by_label[row.label].append(row)
    count = min(PICTURES, *(len(by_label[label]) / share for label, share in enumerate(shares)))
    chosen = [
        row for label, share in enumerate(shares) for row in by_label[label][: round(count * share)]
    ]
    if len(chosen) < MINIMUM:
        scarce = min(range(len(shares)), key=lambda label: len(by_label[label]) / shares[label])
        raise dataset.fault(
            "validation.lst",
            f"has {len(by_label[scarce])} pictures of {dataset.classes[scarce]!r}; a baseline "
            f"takes {MINIMUM} or more in all, {math.ceil(MINIMUM * shares[scarce])} of that class",
        )
    return chosen


def _row(line: bytes, dataset: StagedDataset) -> Row:
    labels = [float(label) for label in range(len(dataset.classes))]
    try:
        _, label, path = line.decode().split("\t")
        return Row(labels.index(float(label)), path)
    except ValueError as error:
        raise dataset.fault(
            "validation.lst",
            f"has the line {line[:200]!r}, expected index, label below {len(labels)} and path "
            "between tabs",
        ) from error
