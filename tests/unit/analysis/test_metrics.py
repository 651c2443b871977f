import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, confusion_matrix

from analysis import metrics

RANDOM = np.random.default_rng(7)


@pytest.mark.parametrize(("right", "records"), [(0, 1), (1, 1), (18, 21), (13, 14), (0, 400)])
def test_accuracy_has_wilsons_interval(right: int, records: int) -> None:
    found = metrics.share(np.arange(records) < right)

    expected = binomtest(right, records).proportion_ci(0.95, method="wilson")
    assert found is not None
    assert found.value == pytest.approx(right / records)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.records == records


def test_without_records_there_is_no_share() -> None:
    assert metrics.share(np.array([], dtype=bool)) is None


def test_weights_correct_a_sample_that_prefers_doubtful_records() -> None:
    # 10 of 20 doubtful records and 10 of 980 sure ones were labelled.
    hits = np.array([False] * 5 + [True] * 15)
    weights = np.array([2.0] * 10 + [98.0] * 10)
    found = metrics.share(hits, weights)

    assert found is not None
    assert found.value == pytest.approx((5 * 2 + 10 * 98) / 1000)
    # 1000^2 / (10 * 2^2 + 10 * 98^2) = 10.4 records' worth
    bound = metrics.wilson(0.99 * 10.408, 10.408)[0]
    assert found.low == pytest.approx(float(bound), abs=1e-4)


def test_equal_weights_change_nothing() -> None:
    hits = RANDOM.random(40) < 0.8

    assert metrics.share(hits, np.full(40, 12.0)) == metrics.share(hits)


def test_confusion_is_that_of_scikit_learn() -> None:
    truth, predicted = RANDOM.integers(0, 3, 500), RANDOM.integers(0, 3, 500)
    found = metrics.confusion(truth, predicted, classes=3)

    assert found.tolist() == confusion_matrix(truth, predicted, labels=[0, 1, 2]).tolist()
    assert np.trace(found) / found.sum() == pytest.approx(accuracy_score(truth, predicted))


def test_a_class_nobody_saw_has_its_row() -> None:
    found = metrics.confusion(np.array([0]), np.array([1]), classes=3)

    assert found.tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 0]]


def test_calibration_by_hand() -> None:
    confidence = np.array([0.5, 0.52, 0.54, 0.56, 0.58, 0.9, 0.92, 0.94, 0.96, 0.98])
    right = np.array([True, False, True, False, True, True, True, True, True, False])
    found = metrics.calibration(confidence, right)

    assert [(each.low, each.high, each.accuracy.records) for each in found.bins] == [
        (0.5, 0.58, 5),
        (0.9, 0.98, 5),
    ]
    assert [each.confidence for each in found.bins] == pytest.approx([0.54, 0.94])
    assert found.error == pytest.approx((abs(0.6 - 0.54) + abs(0.8 - 0.94)) / 2)


def test_calibration_agrees_with_equal_groups_of_sorted_records() -> None:
    confidence = np.sort(RANDOM.random(1000))
    right = RANDOM.random(1000) < confidence
    found = metrics.calibration(confidence, right)

    groups = zip(np.split(confidence, 10), np.split(right, 10), strict=True)
    expected = np.mean([abs(c.mean() - r.mean()) for c, r in groups])
    assert found.error == pytest.approx(expected)
    assert found.error < 0.06


@pytest.mark.parametrize("count", [1, 4, 300])
def test_probabilities_of_exactly_one_are_one_bin(count: int) -> None:
    found = metrics.calibration(np.ones(count), np.arange(count) > 0)

    assert len(found.bins) == 1
    assert found.error == pytest.approx(1 / count)


def test_accuracy_among_the_accepted() -> None:
    confidence = np.array([0.6, 0.8, 0.93, 0.99])
    right = np.array([False, False, True, True])
    low, middle, high = (metrics.accepted_at(each, confidence, right) for each in (0.5, 0.8, 1))

    assert low.accuracy is not None and low.accuracy.value == 0.5
    assert middle.share.value == 0.75
    assert middle.accuracy is not None and middle.accuracy.value == pytest.approx(2 / 3)
    assert high.share.value == 0 and high.accuracy is None
