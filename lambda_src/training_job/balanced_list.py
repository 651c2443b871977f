"""The training list in which pictures of rare classes are repeated.

The algorithm has weights of classes for multi-label training only (use_weighted_loss):
https://docs.aws.amazon.com/sagemaker/latest/dg/IC-Hyperparameter.html
"""

import hashlib
from collections.abc import Mapping
from itertools import cycle, islice

from lambda_src.shared.staged_dataset import StagedDataset

NAME = "train-balanced.lst"
MOST = 10
"""Lines of one picture: more would teach the pictures, not the class."""


def lines(pictures: Mapping[str, int]) -> dict[str, int]:
    """Return the number of lines of each class, as many as the largest has, if it may."""
    largest = max(pictures.values())
    return {name: min(largest, MOST * count) for name, count in pictures.items()}


def write(dataset: StagedDataset, pictures: Mapping[str, int]) -> None:
    """Write the list beside the dataset's own one, which has so many `pictures` of each class."""
    by_label: list[list[str]] = [[] for _ in pictures]
    for line in dataset.read("train.lst").splitlines():
        try:
            _, label, path = line.decode().split("\t")
            by_label[range(len(by_label)).index(int(label))].append(path)
        except ValueError as error:
            raise dataset.fault(
                "train.lst",
                f"has the line {line[:200]!r}, expected index, label below {len(by_label)} and "
                "path between tabs",
            ) from error
    if (found := list(map(len, by_label))) != list(pictures.values()):
        raise dataset.fault(
            "train.lst",
            f"has {found!s:.200} pictures of the classes; manifest.json says "
            f"{list(pictures.values())!s:.200}",
        )
    rows = [
        (label, path, turn)
        for label, count in enumerate(lines(pictures).values())
        for turn, path in enumerate(islice(cycle(by_label[label]), count))
    ]
    rows.sort(key=lambda row: hashlib.sha256(f"{row}".encode()).digest())  # mixes the classes
    content = "".join(f"{index}\t{row[0]}\t{row[1]}\n" for index, row in enumerate(rows))
    key = f"{dataset.prefix}/{NAME}"
    dataset.s3.put_object(Bucket=dataset.bucket, Key=key, Body=content.encode())
