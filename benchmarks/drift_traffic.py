"""Provide pictures, models and simulated traffic for `python -m benchmarks.drift`.

No picture is in two parts of a simulation: training, baseline, traffic.
"""

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from lambda_src.drift_detector.baseline import Baseline, Observation
from lambda_src.drift_detector.drift import WINDOW
from lambda_src.drift_detector.picture_statistics import PictureStatistics, measure
from localcloud.algorithm.features import Floats, Pixels, describe
from localcloud.algorithm.fitting import fit
from localcloud.algorithm.model import Model
from training.cifar.cifar100 import Cifar100
from training.cifar.drawn import draw
from training.source import CifarSource

CLASSES = ("bicycle", "motorcycle")
UNSEEN_CLASS = "pickup_truck"
THRESHOLD = 0.93
TRAINING_PER_CLASS = 180  # leaves enough of a class for its largest share of the traffic
BASELINE_PER_CLASS = 100

STEP = 25
"""Pictures between two runs of the detector."""
DARKEST = 0.5
BLUR_RADIUS = 0.7
SHIFTED_SHARES = (0.8, 0.9)
UNSEEN_SHARES = (0.3, 0.6)
FLIPPED_SHARE = 0.3
RETRAINED_SHARE = 0.9

ORDINARY, BLURRED, MIRRORED = "ordinary", "blurred", "mirrored"
DIMMED = tuple(f"dimmed in {step} steps" for step in range(1, WINDOW // STEP + 1))
VARIANTS = (ORDINARY, BLURRED, MIRRORED, *DIMMED)

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Described:
    """Features for the model and statistics for the detector, of n pictures."""

    features: Floats
    """Shape (n, f)."""
    statistics: list[PictureStatistics]

    @classmethod
    def of(cls, pictures: Iterable[Pixels]) -> Self:
        """Compute the local algorithm's features, and the statistics of each picture as PNG."""
        rows = [(describe(picture), measure(_png(picture))) for picture in pictures]
        return cls(np.stack([row[0] for row in rows]), [row[1] for row in rows])


@dataclass(frozen=True)
class Pictures:
    """Pictures of the two classes, and of one that no model was trained with."""

    known: Pixels
    """Shape (n, 32, 32, 3)."""
    labels: Indices
    """Shape (n,): position in `CLASSES`."""
    unseen: Pixels
    unseen_origin: str

    @classmethod
    def of(cls, source: CifarSource) -> Self:
        """Combine both splits; draw the unseen class unless the archive is the published one,
        which has photographs of every class."""
        known, labels = _select(source.pictures, CLASSES)
        photographs = bool(source.archive_published)
        unseen, _ = _select(
            source.pictures if photographs else draw([UNSEEN_CLASS]), [UNSEEN_CLASS]
        )
        return cls(known, labels, unseen, "of the archive" if photographs else "drawn")

    def variant(self, name: str) -> Described:
        """Describe every picture of the two classes as this one of `VARIANTS`."""
        return Described.of(_changed(picture, name) for picture in self.known)


def _select(cifar: Cifar100, classes: Sequence[str]) -> tuple[Pixels, Indices]:
    wanted = [cifar.class_names.index(name) for name in classes]
    pictures = np.concatenate([cifar.train.pictures, cifar.test.pictures])
    labels = np.array([*cifar.train.labels, *cifar.test.labels])
    rows = np.flatnonzero(np.isin(labels, wanted))
    return pictures[rows], np.array([wanted.index(label) for label in labels[rows]])


def _changed(picture: Pixels, variant: str) -> Pixels:
    if variant == MIRRORED:
        return picture[:, ::-1]
    if variant == BLURRED:
        return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(BLUR_RADIUS)))
    if variant in DIMMED:
        light = 1 - (1 - DARKEST) * (DIMMED.index(variant) + 1) / len(DIMMED)
        return (picture * light).astype(np.uint8)
    return picture


def _png(picture: Pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


@dataclass(frozen=True)
class Predictions:
    """Observations of every picture by the models of one seed; use only `held_out` rows."""

    labels: Indices
    held_out: list[Indices]
    """Rows that no model was trained with, by class."""
    good: dict[str, list[Observation]]
    """By variant, from the correctly trained model."""
    unseen: list[Observation]
    """Of the unseen class, from the same model."""
    retrained: list[Observation]
    """From a model trained with some of the same pictures."""
    mislabelled: list[Observation]
    """From a model trained with wrong labels."""

    @classmethod
    def train(
        cls, labels: Indices, variants: dict[str, Described], unseen: Described, seed: int
    ) -> Self:
        """Train the models of a seed, which also selects the training pictures."""
        rng = np.random.default_rng([seed, 0])
        shuffled = [rng.permutation(np.flatnonzero(labels == index)) for index in (0, 1)]
        training = rng.permutation(np.concatenate([rows[:TRAINING_PER_CLASS] for rows in shuffled]))
        part = training[: int(RETRAINED_SHARE * len(training))]
        wrong = labels.copy()
        flipped = training[: int(FLIPPED_SHARE * len(training))]
        wrong[flipped] = 1 - wrong[flipped]
        good = _fit(variants, training, labels)
        ordinary = variants[ORDINARY]
        return cls(
            labels=labels,
            held_out=[rows[TRAINING_PER_CLASS:] for rows in shuffled],
            good={name: _observe(good, described) for name, described in variants.items()},
            unseen=_observe(good, unseen),
            retrained=_observe(_fit(variants, part, labels), ordinary),
            mislabelled=_observe(_fit(variants, training, wrong), ordinary),
        )

    def baseline(self, observed: Sequence[Observation], rows: Sequence[int]) -> Baseline:
        """Return the baseline of these pictures, as after a training."""
        return Baseline.of(
            [observed[row] for row in rows],
            class_count=len(CLASSES),
            labels=self.labels[rows].tolist(),
        )


def _fit(variants: dict[str, Described], rows: Indices, labels: Indices) -> Model:
    return fit(
        features=variants[ORDINARY].features[rows],
        flipped=variants[MIRRORED].features[rows],
        labels=labels[rows],
    )


def _observe(model: Model, described: Described) -> list[Observation]:
    probabilities = model.probabilities(described.features)
    return [
        Observation(float(row.max()), int(row.argmax()), *statistics)
        for row, statistics in zip(probabilities, described.statistics, strict=True)
    ]


class Deck:
    """Deals shuffled held-out pictures: a baseline, then traffic; each picture at most once."""

    def __init__(self, predictions: Predictions, rng: np.random.Generator) -> None:
        """Shuffle, and set the baseline's pictures aside."""
        self._rng = rng
        shuffled = [rng.permutation(rows).tolist() for rows in predictions.held_out]
        self.baseline = [row for rows in shuffled for row in rows[:BASELINE_PER_CLASS]]
        """Rows, the same number of each class."""
        self._left = [rows[BASELINE_PER_CLASS:] for rows in shuffled]

    def take(self, *, motorcycles: float = 0.5) -> list[int]:
        """Take the rows of `WINDOW` pictures, each a motorcycle with this probability."""
        return [self._left[int(pick)].pop() for pick in self._rng.random(WINDOW) < motorcycles]

    def replace(
        self, known: list[Observation], others: list[Observation], share: float
    ) -> list[Observation]:
        """Replace a `share` of `known` at random by `others`, each used once."""
        rows = self._rng.permutation(len(others))[: len(known)]
        replaced = self._rng.random(len(known)) < share
        return [
            others[row] if replace else observation
            for observation, row, replace in zip(known, rows, replaced, strict=True)
        ]


@dataclass(frozen=True)
class Drift:
    """A change of the traffic."""

    name: str
    pictures: Callable[[Predictions, Deck], list[Observation]]
    """Returns `WINDOW` drifted pictures."""


def _darkening(predictions: Predictions, deck: Deck) -> list[Observation]:
    return [predictions.good[DIMMED[i // STEP]][row] for i, row in enumerate(deck.take())]


def _blur(predictions: Predictions, deck: Deck) -> list[Observation]:
    return [predictions.good[BLURRED][row] for row in deck.take()]


def _class_share(share: float, predictions: Predictions, deck: Deck) -> list[Observation]:
    return [predictions.good[ORDINARY][row] for row in deck.take(motorcycles=share)]


def _unseen_class(share: float, predictions: Predictions, deck: Deck) -> list[Observation]:
    known = [predictions.good[ORDINARY][row] for row in deck.take()]
    return deck.replace(known, predictions.unseen, share)


DRIFTS = (
    Drift(f"light falls to {DARKEST:.0%} over {WINDOW} pictures", _darkening),
    Drift(f"blur of {BLUR_RADIUS} pixels", _blur),
    *(
        Drift(f"motorcycles 50% to {share:.0%}", partial(_class_share, share))
        for share in SHIFTED_SHARES
    ),
    *(
        Drift(f"{share:.0%} of an unseen class", partial(_unseen_class, share))
        for share in UNSEEN_SHARES
    ),
)
