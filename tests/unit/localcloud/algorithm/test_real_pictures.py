"""Accuracy and calibration on real pictures: bicycles and motorcycles of CIFAR-100."""

import pickle
import tarfile
from pathlib import Path

import numpy as np

from localcloud.algorithm.features import Floats, Pixels, describe
from localcloud.algorithm.fitting import fit
from localcloud.algorithm.model import Labels

CLASSES = {8: 0, 48: 1}  # CIFAR-100's fine labels of bicycle and motorcycle


def read(archive_path: Path, split: str) -> tuple[list[Pixels], Labels]:
    with tarfile.open(archive_path) as archive:
        member = archive.extractfile(f"cifar-100-python/{split}")
        assert member is not None
        rows = pickle.load(member, encoding="bytes")
    chosen = [
        (np.reshape(pixels, (3, 32, 32)).transpose(1, 2, 0), CLASSES[label])
        for pixels, label in zip(rows[b"data"], rows[b"fine_labels"], strict=True)
        if label in CLASSES
    ]
    return [pixels for pixels, _ in chosen], np.array([label for _, label in chosen])


def features(pictures: list[Pixels]) -> Floats:
    return np.stack([describe(picture) for picture in pictures])


def test_accuracy_and_confidence(real_archive: Path) -> None:
    pictures, labels = read(real_archive, "train")
    model = fit(
        features=features(pictures),
        flipped=features([picture[:, ::-1] for picture in pictures]),
        labels=labels,
    )
    test_pictures, truth = read(real_archive, "test")
    assert (len(pictures), len(test_pictures)) == (1000, 200)

    probabilities = model.probabilities(features(test_pictures))
    right = probabilities.argmax(axis=1) == truth
    confident = probabilities.max(axis=1) >= 0.93
    assert right.mean() >= 0.90
    assert 0.5 <= confident.mean() <= 0.7
    assert right[confident].mean() >= 0.95
