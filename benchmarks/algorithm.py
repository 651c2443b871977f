"""The local algorithm: accuracy, calibration and speed, by repeated cross-validation.

Uses the training pictures of the settings' classes. No picture is judged by a model that saw it or
its mirror image. The staged validation pictures are not used.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from rich.progress import track
from sklearn.model_selection import StratifiedKFold

from benchmarks.results_table import Row, Section
from localcloud.algorithm.features import Floats, Pixels, decode, describe
from localcloud.algorithm.fitting import fit
from localcloud.algorithm.model import Doubles
from training import dataset
from training.source import Source

FOLDS = 5
BINS = 10
THRESHOLD = 0.93


@dataclass
class Scores:
    """Scores of each fold of each seed."""

    accuracy: list[float] = field(default_factory=list)
    calibration_error: list[float] = field(default_factory=list)
    accepted: list[float] = field(default_factory=list)
    """Share of the pictures that reach the threshold."""
    accepted_right: list[float] = field(default_factory=list)
    training_seconds: list[float] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)
    """For one picture, from its bytes to its probabilities."""


def run(source: Source, classes: Sequence[str], *, seeds: Sequence[int]) -> Section:
    """Cross-validate."""
    pictures = dataset.build(source, classes).splits["train"]
    files = [picture.png for picture in pictures]
    labels = np.array([picture.label for picture in pictures])
    scores = cross_validate(files, labels, seeds=seeds)
    return Section(
        "Local algorithm",
        [
            Row(measure="accuracy, held-out pictures", unit="share", ours=scores.accuracy),
            Row(measure="expected calibration error", unit="share", ours=scores.calibration_error),
            Row(measure=f"accepted, at {THRESHOLD}", unit="share", ours=scores.accepted),
            Row(measure="right among the accepted", unit="share", ours=scores.accepted_right),
            Row(measure="training, features included", unit="s", ours=scores.training_seconds),
            Row(measure="prediction, one at a time", unit="ms/picture", ours=scores.milliseconds),
        ],
        [
            "The local algorithm stands in for SageMaker's on a laptop; these figures say nothing "
            f"about SageMaker's. {FOLDS}-fold cross-validation on {len(files):,} training pictures "
            f"({', '.join(classes)}), seeds: {len(seeds)}; accuracy of the folds from "
            f"{min(scores.accuracy):.3f} to {max(scores.accuracy):.3f}, mean "
            f"{np.mean(scores.accuracy):.3f}. The calibration error is the mean distance between "
            f"confidence and accuracy over {BINS} bins of equal width, weighted by their pictures."
        ],
    )


def cross_validate(
    files: Sequence[bytes], labels: npt.NDArray[np.int64], *, seeds: Sequence[int]
) -> Scores:
    """Score every fold; `files` are PNG or JPEG, `labels` of shape (n,)."""
    start = time.perf_counter()
    pixels = [decode(file) for file in files]
    features, flipped = _describe(pixels), _describe([picture[:, ::-1] for picture in pixels])
    describing = (time.perf_counter() - start) / len(files)
    scores = Scores()
    folds = [
        fold
        for seed in seeds
        for fold in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(features, labels)
    ]
    for training, held_out in track(folds, "Cross-validating"):
        start = time.perf_counter()
        model = fit(features=features[training], flipped=flipped[training], labels=labels[training])
        seconds = time.perf_counter() - start
        scores.training_seconds.append(seconds + describing * len(training))
        _judge(scores, model.probabilities(features[held_out]), labels[held_out])
        start = time.perf_counter()
        for row in held_out:
            model.probabilities(describe(decode(files[row]))[None])
        scores.milliseconds.append(1000 * (time.perf_counter() - start) / len(held_out))
    return scores


def expected_calibration_error(confidence: Doubles, right: npt.NDArray[np.bool_]) -> float:
    """Return the weighted mean distance of confidence and accuracy over bins; shapes (n,)."""
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = [
        np.mean(bins == each) * abs(confidence[bins == each].mean() - right[bins == each].mean())
        for each in np.unique(bins)
    ]
    return float(sum(gaps))


def _judge(scores: Scores, probabilities: Doubles, labels: npt.NDArray[np.int64]) -> None:
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    accepted = confidence >= THRESHOLD
    scores.accuracy.append(float(right.mean()))
    scores.calibration_error.append(expected_calibration_error(confidence, right))
    scores.accepted.append(float(accepted.mean()))
    if accepted.any():
        scores.accepted_right.append(float(right[accepted].mean()))


def _describe(pictures: Sequence[Pixels]) -> Floats:
    return np.stack([describe(picture) for picture in pictures])
