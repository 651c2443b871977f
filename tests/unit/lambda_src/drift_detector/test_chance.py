from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import chi2, t

from lambda_src.drift_detector import chance
from lambda_src.drift_detector.chance import RANDOMLY_DRAWN, DesignEffect

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

NINE_OF_TEN = [[0.9, 0.1], [0.1, 0.9]]
UNEVEN = [[0.95, 0.05], [0.25, 0.75]]
GUESSING = [[0.6, 0.4], [0.6, 0.4]]
CONFUSED_PAIR = [[0.5, 0.49, 0.01], [0.49, 0.5, 0.01], [0.01, 0.01, 0.98]]
"""Rows: true classes; columns: best classes."""


def pictures(confusion: Counts) -> tuple[list[int], list[int]]:
    """Best classes and labels of so many pictures."""
    labels, best_classes = np.indices(confusion.shape)
    counts = confusion.ravel()
    return np.repeat(best_classes.ravel(), counts).tolist(), np.repeat(
        labels.ravel(), counts
    ).tolist()


def exact(shares: Sequence[Sequence[float]], per_class: Sequence[int]) -> DesignEffect:
    """Of pictures that show just these shares."""
    confusion = np.array([np.multiply(row, m) for row, m in zip(shares, per_class, strict=True)])
    return DesignEffect.of(*pictures(confusion.round().astype(int)))


@pytest.mark.parametrize("per_class", [(100, 100), (140, 60)])
@pytest.mark.parametrize("shares", [NINE_OF_TEN, UNEVEN, GUESSING])
def test_the_effect_is_the_variance_of_simulated_baselines(
    shares: Sequence[Sequence[float]], per_class: tuple[int, int]
) -> None:
    rng = np.random.default_rng(1)
    total = sum(per_class)
    first = sum(
        rng.binomial(m, row[0], size=40_000) for row, m in zip(shares, per_class, strict=True)
    )
    share = np.mean(first) / total

    effect = exact(shares, per_class)

    assert effect.mean == pytest.approx(np.var(first) / (total * share * (1 - share)), rel=0.04)
    assert effect.mean_square == pytest.approx(effect.mean**2)


def test_a_model_without_mistakes_leaves_nothing_to_chance() -> None:
    assert DesignEffect.of([0, 1, 2] * 20, [0, 1, 2] * 20) == DesignEffect(0, 0)


@pytest.mark.parametrize(
    ("best_classes", "labels"), [([0] * 60, [0, 1] * 30), ([0, 1] * 30, range(60))]
)
def test_where_nothing_can_be_estimated_chance_is_assumed(
    best_classes: Sequence[int], labels: Sequence[int]
) -> None:
    assert DesignEffect.of(best_classes, labels) == RANDOMLY_DRAWN


def test_a_label_for_each_picture() -> None:
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        DesignEffect.of([0, 1], [0])


@pytest.mark.parametrize("probability", [0.99, 0.999, 0.9999])
def test_the_quantiles_are_near_scipys(probability: float) -> None:
    for degrees, tolerance in ((1, 1e-9), (2, 0.05), (9, 0.015), (30, 0.01)):
        quantile = chance.chi_square_quantile(probability, degrees)
        assert quantile == pytest.approx(chi2.ppf(probability, degrees), rel=tolerance)
    for degrees in (20, 49, 199, 10_000):
        quantile = chance.student_quantile(probability, degrees)
        assert quantile == pytest.approx(t.ppf(probability, degrees), rel=0.01)


@pytest.mark.parametrize(("degrees", "tolerance"), [(1, 1e-9), (9, 0.015)])
def test_two_samples_left_to_chance_have_a_chi_square(degrees: int, tolerance: float) -> None:
    found = RANDOMLY_DRAWN.index_by_chance(
        0.9999, degrees=degrees, baseline_count=200, window_count=80
    )

    assert found == pytest.approx(chi2.isf(1e-4, degrees) * (1 / 200 + 1 / 80), rel=tolerance)


@pytest.mark.parametrize(
    ("shares", "per_class", "window"),
    [
        (NINE_OF_TEN, 100, 200),
        (UNEVEN, 100, 200),
        (NINE_OF_TEN, 25, 600),
        (GUESSING, 100, 200),
        (CONFUSED_PAIR, 70, 200),
        (CONFUSED_PAIR, 20, 800),
    ],
)
def test_chance_exceeds_the_quantile_as_often_as_it_should(
    shares: Sequence[Sequence[float]], per_class: int, window: int
) -> None:
    """Of 6,000 windows, each with its own baseline, 1% should; and not far fewer."""
    rng = np.random.default_rng(4)
    rows = np.array(shares)
    runs = 6_000
    confusions = np.stack([rng.multinomial(per_class, row, size=runs) for row in rows], axis=1)
    windows = rng.multinomial(window, rows.mean(axis=0), size=runs)
    indices = index(confusions.sum(axis=1), windows)

    assert 0.0055 < share_above_chance(confusions, indices, window) < 0.0135


@pytest.mark.parametrize(("sample", "part"), [(80, 1.0), (400, 0.5)])
def test_chance_moves_shares_that_come_from_a_sample(sample: int, part: float) -> None:
    """As above, where the shares of the classes are those of pictures drawn at random."""
    rng = np.random.default_rng(4)
    rows = np.array(UNEVEN)
    runs = 6_000
    found = rng.multinomial(sample, [1 / len(rows)] * len(rows), size=runs)
    counts = np.rint(found * part).astype(int)
    confusions = np.stack(
        [rng.multinomial(counts[:, label], row) for label, row in enumerate(rows)], axis=1
    )
    windows = rng.multinomial(200, rows.mean(axis=0), size=runs)
    indices = index(confusions.sum(axis=1), windows)

    assert 0.0055 < share_above_chance(confusions, indices, 200, part) < 0.0135


def share_above_chance(confusions: Any, indices: Floats, window: int, part: float = 0) -> float:
    """Return how often an index is above the quantile 0.99 of its baseline's chance."""

    def quantile(confusion: Any) -> float:
        effect = DesignEffect.of(*pictures(confusion))
        effect = effect.with_estimated_shares(part) if part else effect
        return effect.index_by_chance(
            0.99, degrees=len(confusion) - 1, baseline_count=confusion.sum(), window_count=window
        )

    exceeded = (
        found > 4 / window and found > quantile(confusion)  # no quantile is below
        for confusion, found in zip(confusions, indices, strict=True)
    )
    return float(sum(exceeded) / len(indices))


def index(before: Counts, after: Counts) -> Floats:
    """Population stability indices; shapes (n, classes) give (n,)."""
    p, q = (
        (counts + 0.5) / (counts + 0.5).sum(axis=1, keepdims=True) for counts in (before, after)
    )
    stability: Floats = ((q - p) * np.log(q / p)).sum(axis=1)
    return stability
