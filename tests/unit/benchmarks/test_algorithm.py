"""Calibration error by hand, and a cross-validation of few pictures."""

import numpy as np
import pytest

from benchmarks import algorithm
from training import drawn
from training.source import Source


def test_sure_and_right_is_calibrated() -> None:
    assert algorithm.expected_calibration_error(np.ones(4), np.ones(4, dtype=bool)) == 0


def test_the_error_is_the_weighted_distance_of_the_bins() -> None:
    confidence = np.array([0.95, 0.95, 0.95, 0.65])
    right = np.array([True, False, False, True])

    # Three of four say 0.95 and are right in a third; one says 0.65 and is right.
    expected = 3 / 4 * (0.95 - 1 / 3) + 1 / 4 * 0.35
    assert algorithm.expected_calibration_error(confidence, right) == pytest.approx(expected)


def test_every_fold_of_every_seed_is_scored() -> None:
    classes = ["bicycle", "motorcycle"]
    source = Source("drawn", drawn.draw(classes, train_per_class=20, validation_per_class=1))

    findings = algorithm.run(source, classes, seeds=[0])

    assert all(len(row.ours) == algorithm.FOLDS for row in findings.rows[:3])
    assert all(0 <= value <= 1 for value in findings.rows[0].ours)
