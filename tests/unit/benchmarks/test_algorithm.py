"""Calibration error by hand, and a cross-validation of few pictures."""

import numpy as np
import pytest

from benchmarks import algorithm
from training import drawn
from training.source import Source


@pytest.mark.parametrize(
    ("confidence", "right", "error"),
    [
        ([1.0] * 4, [True] * 4, 0),
        # Three of four say 0.95 and are right in a third; one says 0.65 and is right.
        ([0.95, 0.95, 0.95, 0.65], [True, False, False, True], 3 / 4 * (0.95 - 1 / 3) + 0.35 / 4),
    ],
)
def test_the_error_is_the_weighted_distance_of_the_bins(
    confidence: list[float], right: list[bool], error: float
) -> None:
    computed = algorithm.expected_calibration_error(np.array(confidence), np.array(right))

    assert computed == pytest.approx(error)


def test_every_fold_of_every_seed_is_scored() -> None:
    classes = ["bicycle", "motorcycle"]
    source = Source("drawn", drawn.draw(classes, train_per_class=20, validation_per_class=1))

    section = algorithm.run(source, classes, seeds=[0])

    assert all(len(row.ours) == algorithm.FOLDS for row in section.rows[:3])
    assert all(0 <= value <= 1 for value in section.rows[0].ours)
