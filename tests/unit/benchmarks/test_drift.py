from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from benchmarks import drift, drift_traffic
from benchmarks.drift_traffic import BLURRED, DIMMED, DRIFTS, ORDINARY, Pictures, Predictions
from lambda_src.drift_detector.baseline import Observation
from lambda_src.drift_detector.drift import COMPARISONS, WINDOW
from training.cifar.cifar100 import Cifar100
from training.cifar.drawn import draw
from training.source import CifarSource

PER_CLASS = 400
DARKENING, BLUR = (change.name for change in DRIFTS[:2])


def made_up_predictions() -> Predictions:
    """1,000 pictures that the model gets right; `held_out` are 400 of each class."""
    rng = np.random.default_rng(5)
    labels = np.arange(1000) % 2

    def observed(
        brightness: float = 130, sharpness: float = 2.3, confidence: float = 0.9
    ) -> list[Observation]:
        return [
            Observation(
                confidence=float(np.clip(rng.normal(confidence, 0.05), 0.5, 1)),
                best_class=int(label),
                brightness=float(rng.normal(brightness, 40)),
                contrast=float(rng.normal(50, 15)),
                sharpness=float(rng.normal(sharpness, 0.15)),
            )
            for label in labels
        ]

    dimmed = {name: observed(130 - 10 * step) for step, name in enumerate(DIMMED)}
    return Predictions(
        labels=labels,
        held_out=[np.flatnonzero(labels == index)[:PER_CLASS] for index in (0, 1)],
        good={ORDINARY: observed(), BLURRED: observed(sharpness=1.8), **dimmed},
        unseen=observed(brightness=40),
        retrained=observed(),
        mislabelled=observed(confidence=0.6),
    )


@pytest.fixture(scope="module")
def results() -> drift.Results:
    counted = drift.Results()
    drift.run(counted, made_up_predictions(), runs=6, rng=np.random.default_rng(8))
    return counted


def test_false_alarms_are_counted_over_two_windows_a_run(results: drift.Results) -> None:
    assert results.windows == 12
    assert results.false_alarms[drift.TOGETHER] == 0


@pytest.mark.parametrize(
    ("comparison", "change"),
    [
        ("MeanBrightness", DARKENING),
        ("MeanSharpness", BLUR),
        ("ClassStabilityIndex", "motorcycles 50% to 90%"),
        ("MeanBrightness", "60% of an unseen class"),
    ],
)
def test_plain_drifts_are_found_by_their_comparison_and_by_all_together(
    results: drift.Results, comparison: str, change: str
) -> None:
    delays = results.found[comparison, change]
    together = results.found[drift.TOGETHER, change]

    assert len(delays) == 6
    assert all(delay is not None and 25 <= delay <= WINDOW for delay in delays)
    assert all(a is not None and a <= b for a, b in zip(together, delays, strict=True) if b)


def test_what_did_not_drift_is_not_found(results: drift.Results) -> None:
    assert results.found["MeanBrightness", BLUR] == [None] * 6
    assert results.found["ClassStabilityIndex", DARKENING] == [None] * 6


def test_a_mislabelled_model_is_seen_at_its_deployment(results: drift.Results) -> None:
    assert results.deployments == 6
    assert results.deployment_alarms[drift.MISLABELLED][drift.TOGETHER] == 6
    assert results.deployment_alarms[drift.RETRAINED][drift.TOGETHER] == 0
    assert "labels wrong: MeanConfidence 100.0%" in drift.new_models(results)


def test_no_picture_of_a_deck_comes_twice() -> None:
    deck = drift_traffic.Deck(made_up_predictions(), np.random.default_rng(9))

    taken = [*deck.baseline, *deck.take(), *deck.take(motorcycles=0.9)]

    assert len(taken) == len(set(taken)) == 200 + 2 * WINDOW


def test_the_table_has_shares_and_the_delays_within_which_a_part_of_the_runs_alarmed() -> None:
    results = drift.Results(windows=2)
    results.false_alarms["MeanSharpness"] = 1
    for name in (*COMPARISONS, drift.TOGETHER):
        for change in DRIFTS:
            results.found[name, change.name] = [25, 50, 75, None]
    console = Console(record=True, width=300)
    console.print(drift.table(results))
    rows = [line.replace("│", " ").split() for line in console.export_text().splitlines()]

    assert ["MeanSharpness", "500.00", *["75.00%"] * len(DRIFTS)] in rows
    for part, delay in (("median", "50"), ("10", "-"), ("longest", "-")):
        assert any(row[-1 - len(DRIFTS) :] == [part, *[delay] * len(DRIFTS)] for row in rows)


@pytest.fixture
def few_pictures(monkeypatch: pytest.MonkeyPatch) -> Pictures:
    monkeypatch.setattr(drift_traffic, "TRAINING_PER_CLASS", 20)
    monkeypatch.setattr(drift_traffic, "draw", few)
    return Pictures.of(CifarSource("drawn", few(drift_traffic.CLASSES)))


def few(classes: Sequence[str]) -> Cifar100:
    return draw(classes, train_per_class=30, validation_per_class=10)


def test_training_keeps_its_pictures_to_itself(few_pictures: Pictures) -> None:
    names = (ORDINARY, drift_traffic.MIRRORED, BLURRED, DIMMED[3], DIMMED[-1])
    variants = {name: few_pictures.variant(name) for name in names}

    predictions = Predictions.train(few_pictures.labels, variants, variants[BLURRED], seed=3)

    assert [len(rows) for rows in predictions.held_out] == [20, 20]
    for index, rows in enumerate(predictions.held_out):
        assert (predictions.labels[rows] == index).all()
    brightness = [mean_of("brightness", predictions.good[name]) for name in (ORDINARY, *names[-2:])]
    assert brightness == sorted(brightness, reverse=True)
    assert brightness[-1] == pytest.approx(0.5 * brightness[0], rel=0.02)
    ordinary = predictions.good[ORDINARY]
    assert mean_of("sharpness", predictions.good[BLURRED]) < mean_of("sharpness", ordinary)
    assert mean_of("confidence", predictions.mislabelled) < mean_of("confidence", ordinary)


def mean_of(quantity: str, observations: Sequence[Observation]) -> float:
    return float(np.mean([getattr(row, quantity) for row in observations]))


def test_an_archive_with_noise_for_trucks_gets_drawn_ones(few_pictures: Pictures) -> None:
    assert few_pictures.unseen_origin == "drawn"

    everything = CifarSource("cifar-100", few((*drift_traffic.CLASSES, "pickup_truck")))
    for published, origin in ((False, "drawn"), (True, "of the archive")):
        pictures = Pictures.of(replace(everything, archive_published=published))
        assert pictures.unseen_origin == origin


def test_the_command_reports_its_pictures_and_seeds(
    results: drift.Results,
    few_pictures: Pictures,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("CIFAR_ARCHIVE", raising=False)
    monkeypatch.setattr("sys.argv", ["drift", "--seeds", "3", "--first-seed", "7", "--runs", "6"])
    monkeypatch.setattr(drift, "drawing", lambda classes: CifarSource("drawn", few(classes)))
    asked: list[object] = []

    def simulate(pictures: Pictures, **arguments: object) -> drift.Results:
        asked.append(arguments)
        return results

    monkeypatch.setattr(drift, "simulate", simulate)

    drift.main()

    printed = " ".join(capsys.readouterr().out.split())
    assert asked == [{"seeds": range(7, 10), "runs": 6}]
    assert "80 pictures of bicycles and motorcycles (drawn), 40 of pickup trucks (drawn)" in printed
    assert "seeds 7 to 9, 6 runs each" in printed


@pytest.mark.parametrize("option", ["--seeds 0", "--runs -1"])
def test_impossible_arguments_are_named(
    option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["drift", *option.split()])

    with pytest.raises(SystemExit, match="2"):
        drift.main()

    assert f"{option}: expected 1 or more" in capsys.readouterr().err


def test_a_missing_archive_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["drift"])
    monkeypatch.setenv("CIFAR_ARCHIVE", "absent.tar.gz")

    with pytest.raises(SystemExit, match=r"error: archive absent\.tar\.gz: No such file"):
        drift.main()
