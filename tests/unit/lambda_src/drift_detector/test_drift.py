import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import chi2, norm, t

from lambda_src.drift_detector import drift
from lambda_src.drift_detector.baseline import MINIMUM, Baseline, Observation
from lambda_src.drift_detector.chance import RANDOMLY_DRAWN
from lambda_src.drift_detector.drift import Comparison

EACH = drift.FALSE_ALARM_RATE / len(drift.COMPARISONS)
Counts = NDArray[np.int64]


def observations(
    count: int = 200,
    *,
    seed: int = 0,
    confidence: float = 0.0,
    brightness: float = 0.0,
    blur: float = 1.0,
    motorcycles: float = 0.5,
) -> list[Observation]:
    """Pictures whose quantities look like those of real ones, moved as the arguments say."""
    rng = np.random.default_rng(seed)
    return [
        Observation(
            confidence=float(np.clip(1 - rng.beta(0.8, 5) - confidence, 0.5, 1)),
            best_class=int(rng.random() < motorcycles),
            brightness=float(rng.normal(132 + brightness, 37)),
            contrast=float(rng.normal(51, 15)),
            sharpness=float(rng.normal(2.27, 0.14) * blur),
        )
        for _ in range(count)
    ]


def baseline(
    rows: Sequence[Observation] | None = None, *, labels: Sequence[int] | None = None
) -> Baseline:
    rows = rows or observations(seed=1)
    return Baseline.of(rows, class_count=2, labels=labels)


def compare(baseline: Baseline, window: Sequence[Observation]) -> list[Comparison]:
    return drift.compare(baseline, window, threshold=0.93)


def by_name(comparisons: Sequence[Comparison]) -> dict[str, Comparison]:
    return {comparison.name: comparison for comparison in comparisons}


def moved(comparisons: Sequence[Comparison]) -> list[str]:
    return [comparison.name for comparison in comparisons if comparison.ratio > 1]


def smoothed_index(before: Counts, after: Counts) -> float:
    p, q = ((counts + 0.5) / (counts + 0.5).sum() for counts in (before, after))
    return float(((q - p) * np.log(q / p)).sum())


def test_a_baseline_survives_json() -> None:
    made = baseline(labels=[0, 1] * 100)

    assert Baseline.from_json(json.loads(json.dumps(asdict(made)))) == made


def test_a_baseline_of_an_earlier_release_is_read() -> None:
    made = baseline(labels=[0, 1] * 100)
    value = asdict(made)
    del value["class_design"]
    for quantity in value["quantities"].values():
        quantity |= {"edges": [0.5], "counts": [100, 100]}

    assert Baseline.from_json(value) == replace(made, class_design=RANDOMLY_DRAWN)


def test_a_baseline_knows_how_often_the_model_was_right() -> None:
    rows = observations(60)
    labels = [1 - row.best_class if i < 6 else row.best_class for i, row in enumerate(rows)]

    assert baseline(rows, labels=labels).accuracy == 0.9
    assert baseline(rows).accuracy is None


def test_known_classes_narrow_the_limit_of_the_class_shares_alone() -> None:
    rows, window = observations(seed=1), observations(100, seed=2)
    labels = [row.best_class for row in rows]

    left_to_chance = by_name(compare(baseline(rows), window))
    chosen = by_name(compare(baseline(rows, labels=labels), window))

    index = chosen.pop("ClassStabilityIndex")
    assert index.limit == pytest.approx(chi2.isf(EACH, 1) / 100)
    assert index.limit < left_to_chance.pop("ClassStabilityIndex").limit
    assert chosen == left_to_chance


def test_every_comparison_is_made_and_ordinary_pictures_move_none() -> None:
    comparisons = compare(baseline(), observations(seed=2))

    assert tuple(comparison.name for comparison in comparisons) == drift.COMPARISONS
    assert moved(comparisons) == []


@pytest.mark.parametrize(
    ("window", "names"),
    [
        (observations(seed=2, brightness=-30), {"MeanBrightness"}),
        (observations(seed=2, blur=0.95), {"MeanSharpness"}),
        (observations(seed=2, motorcycles=0.8), {"ClassStabilityIndex"}),
        (observations(seed=2, confidence=0.12), {"MeanConfidence", "ShareBelowThreshold"}),
    ],
)
def test_each_drift_moves_its_own_comparisons(window: list[Observation], names: set[str]) -> None:
    assert set(moved(compare(baseline(), window))) == names


def test_values_and_limits_agree_with_numpy_and_scipy() -> None:
    before, after = observations(150, seed=3), observations(90, seed=4, confidence=0.05)
    found = by_name(compare(baseline(before), after))
    old, new = (np.array([row.confidence for row in rows]) for rows in (before, after))
    spread = 1 / len(old) + 1 / len(new)

    mean = found["MeanConfidence"]
    assert (mean.value, mean.expected) == pytest.approx((new.mean(), old.mean()))
    limit = t.isf(EACH / 2, len(old) - 1) * old.std(ddof=1) * spread**0.5
    assert mean.limit == pytest.approx(limit, rel=1e-3)

    share = found["ShareBelowThreshold"]
    pooled = np.concatenate([old, new]) < 0.93
    assert (share.value, share.expected) == ((new < 0.93).mean(), (old < 0.93).mean())
    assert share.limit == pytest.approx(norm.isf(EACH / 2) * pooled.std() * spread**0.5)

    classes = [np.bincount([row.best_class for row in rows]) for rows in (before, after)]
    index = found["ClassStabilityIndex"]
    assert index.value == pytest.approx(smoothed_index(*classes))
    assert index.limit == pytest.approx(chi2.isf(EACH, 1) * spread)


def test_limits_shrink_with_more_pictures_but_not_below_what_is_worth_a_message() -> None:
    rows = observations(2_000, seed=5) * 20
    windows = [rows[:50], rows[:200], rows[:1000], rows]
    small = [by_name(compare(baseline(), window)) for window in windows]
    large = by_name(compare(baseline(rows), rows))

    for name in drift.COMPARISONS:
        limits = [comparisons[name].limit for comparisons in small]
        assert all(a >= b for a, b in pairwise(limits)), name
    assert {name: comparison.limit for name, comparison in large.items()} == {
        "MeanConfidence": 0.02,
        "MeanBrightness": 5.0,
        "MeanContrast": 3.0,
        "MeanSharpness": 0.05,
        "ShareBelowThreshold": 0.05,
        "ClassStabilityIndex": 0.1,
    }


def test_too_few_pictures_give_no_value() -> None:
    assert compare(baseline(), observations(MINIMUM - 1)) == []
    assert compare(baseline(), []) == []
    assert len(compare(baseline(), observations(MINIMUM))) == len(drift.COMPARISONS)


def test_pictures_that_were_not_measured_leave_the_other_comparisons_alone() -> None:
    rows = observations(200, seed=2)
    blind = [row._replace(brightness=None, contrast=None, sharpness=None) for row in rows]
    mixed = [*blind[:100], *rows[100:]]

    left = ["MeanConfidence", "ShareBelowThreshold", "ClassStabilityIndex"]
    assert list(by_name(compare(baseline(), blind))) == left
    mean = np.mean([row.brightness for row in rows[100:]])
    found = by_name(compare(baseline(), mixed))
    assert found["MeanBrightness"].value == pytest.approx(mean)
    assert "MeanBrightness" not in by_name(compare(baseline(blind), rows))


@pytest.mark.parametrize("confidence", [1.0, 0.5])
def test_a_baseline_without_any_variety(confidence: float) -> None:
    same = [Observation(confidence, 0, 255.0, 0.0, 0.0)] * 60
    other = [Observation(0.75, 1, 100.0, 50.0, 2.0)] * 60

    assert [c.distance for c in compare(baseline(same), same)] == [0.0] * 6
    missed = set(drift.COMPARISONS) - set(moved(compare(baseline(same), other)))
    assert missed <= {"ShareBelowThreshold"}


def test_impossible_input_is_named() -> None:
    rows = observations(60)
    with pytest.raises(ValueError, match="a baseline of 49 pictures; at least 50"):
        baseline(rows[:49])
    with pytest.raises(ValueError, match="class_count = 1"):
        Baseline.of(rows, class_count=1)
    with pytest.raises(ValueError, match="best class 2 of a model with 2 classes"):
        compare(baseline(), [*rows, Observation(0.9, 2)])


def test_the_window_is_the_latest_pictures_or_the_whole_of_a_longer_run() -> None:
    rows = observations(500)

    assert drift.window_of(rows) == rows[-drift.WINDOW :]
    assert drift.window_of(rows, latest_run=30) == rows[-drift.WINDOW :]
    assert drift.window_of(rows, latest_run=400) == rows[-400:]
    assert drift.window_of(rows[:7]) == rows[:7]


def test_a_worse_model_is_seen_in_its_baseline_and_a_better_one_is_no_alarm() -> None:
    good = replace(baseline(), accuracy=0.9)
    bad = replace(baseline(observations(seed=1, confidence=0.2)), accuracy=0.7)

    assert moved(drift.compare_models(good, bad)) == ["MeanConfidence", "Accuracy"]
    assert moved(drift.compare_models(bad, good)) == []
    assert moved(drift.compare_models(good, good)) == []
    assert moved(drift.compare_models(good, replace(good, accuracy=0.85))) == []
    assert [c.name for c in drift.compare_models(good, baseline())] == ["MeanConfidence"]


def test_a_comparison_says_what_moved_and_by_how_much() -> None:
    comparison = Comparison(name="MeanBrightness", value=88.0, expected=130.0, limit=14.0)

    assert comparison.ratio == 3.0
    assert str(comparison) == "MeanBrightness is 88, expected 130: moved by 42, limit 14"


@pytest.mark.parametrize(
    ("reference", "window"), [(MINIMUM, 600), (200, drift.WINDOW), (200, MINIMUM)]
)
def test_false_alarms_are_rare(reference: int, window: int) -> None:
    """Of 200 windows, each with its own baseline, evenly over the classes of a model that is right
    in 9 of 10: 0.1 false alarms are expected at most."""
    pictures = observations(8_000, seed=6)
    rng = np.random.default_rng(7)
    best_classes = np.array([row.best_class for row in pictures])
    labels = np.where(rng.random(len(pictures)) < 0.9, best_classes, 1 - best_classes)
    by_label = [np.flatnonzero(labels == label) for label in (0, 1)]
    alarms = 0
    for _ in range(200):
        chosen = np.concatenate([rng.choice(rows, reference // 2) for rows in by_label])
        made = baseline([pictures[i] for i in chosen], labels=labels[chosen].tolist())
        traffic = [pictures[i] for i in rng.integers(len(pictures), size=window)]
        alarms += bool(moved(compare(made, traffic)))

    assert alarms <= 1  # a Poisson distribution of mean 0.1 is above once in 210
