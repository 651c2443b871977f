"""The local algorithm: accuracy, calibration and speed, by repeated cross-validation.

On the training pictures of the settings' classes, folds times seeds; each picture is judged by
models that saw neither it nor its mirror image. The staged validation pictures are not touched.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from rich.progress import track
from sklearn.model_selection import StratifiedKFold

from benchmarks.rows import Findings, Row
from localcloud.algorithm.features import Floats, Pixels, decode, describe
from localcloud.algorithm.fitting import fit
from localcloud.algorithm.model import Doubles
from training import dataset
from training.source import Source

FOLDS = 5
SEEDS = (0, 1, 2)
BINS = 10
THRESHOLD = 0.93

Labels = npt.NDArray[np.int64]


@dataclass
class Scores:
    """Of each fold of each seed."""

    accuracy: list[float] = field(default_factory=list)
    calibration_error: list[float] = field(default_factory=list)
    accepted: list[float] = field(default_factory=list)
    """Share of the pictures that reach the threshold."""
    accepted_right: list[float] = field(default_factory=list)
    training_seconds: list[float] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)
    """A picture, from its bytes to its probabilities."""


def run(source: Source, classes: Sequence[str], *, seeds: Sequence[int] = SEEDS) -> Findings:
    """Cross-validate."""
    pictures = dataset.build(source, classes).splits["train"]
    files = [picture.png for picture in pictures]
    scores = cross_validate(files, np.array([picture.label for picture in pictures]), seeds=seeds)
    names = ", ".join(classes)
    rows = [
        Row(what="accuracy, held-out pictures", unit="share", ours=scores.accuracy),
        Row(what="expected calibration error", unit="share", ours=scores.calibration_error),
        Row(what=f"accepted, at {THRESHOLD}", unit="share", ours=scores.accepted),
        Row(what="right among the accepted", unit="share", ours=scores.accepted_right),
        Row(what="training, features included", unit="s", ours=scores.training_seconds),
        Row(what="prediction, one at a time", unit="ms/picture", ours=scores.milliseconds),
    ]
    accuracy = scores.accuracy
    return Findings(
        "Local algorithm",
        rows,
        [
            f"The local algorithm stands in for SageMaker's on a laptop; nothing here says how "
            f"good that is. {FOLDS}-fold cross-validation on {len(files):,} training pictures "
            f"({names}), seeds: {len(seeds)}; accuracy of the folds from {min(accuracy):.3f} to "
            f"{max(accuracy):.3f}, mean {np.mean(accuracy):.3f}. The calibration error is the mean "
            f"distance of confidence and accuracy over {BINS} bins of equal width, weighted by "
            "their pictures."
        ],
    )


def cross_validate(files: Sequence[bytes], labels: Labels, *, seeds: Sequence[int]) -> Scores:
    """Scores of every fold; `files` are PNG or JPEG, `labels` of shape (n,)."""
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
        model = fit(
            features=features[training],
            flipped=flipped[training],
            labels=labels[training],
        )
        seconds = time.perf_counter() - start
        scores.training_seconds.append(seconds + describing * len(training))
        _judge(scores, model.probabilities(features[held_out]), labels[held_out])
        start = time.perf_counter()
        for row in held_out:
            model.probabilities(describe(decode(files[row]))[None])
        scores.milliseconds.append(1000 * (time.perf_counter() - start) / len(held_out))
    return scores


def expected_calibration_error(confidence: Doubles, right: npt.NDArray[np.bool_]) -> float:
    """Mean distance of confidence and accuracy over bins of equal width, weighted; shapes (n,)."""
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = [
        np.mean(bins == each) * abs(confidence[bins == each].mean() - right[bins == each].mean())
        for each in np.unique(bins)
    ]
    return float(sum(gaps))


def _judge(scores: Scores, probabilities: Doubles, labels: Labels) -> None:
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
