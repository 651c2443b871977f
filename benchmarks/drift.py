"""Measure how soon the drift detector finds a drift, and how often it errs.

Each seed trains models of the local algorithm with 30% of the pictures. Each run of a seed shuffles
the others into a baseline and traffic: 200 ordinary pictures, then 200 drifted ones; the detector
examines the latest 200 after every 25. No picture is in two of these parts; the runs of a seed
share its models and pictures. False alarms are counted in two windows per run, which do not
overlap. The statistics are the deployed ones (lambda_src/drift_detector).
"""

import argparse
import math
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.drift_traffic import (
    CLASSES,
    DRIFTS,
    FLIPPED_SHARE,
    ORDINARY,
    RETRAINED_SHARE,
    STEP,
    THRESHOLD,
    VARIANTS,
    Deck,
    Described,
    Drift,
    Pictures,
    Predictions,
)
from lambda_src.drift_detector import drift
from lambda_src.drift_detector.baseline import Baseline, Observation
from lambda_src.drift_detector.drift import WINDOW
from training.errors import StagingError
from training.source import ARCHIVE_VARIABLE, drawing, from_archive

TOGETHER = "all together"
MISLABELLED = f"{FLIPPED_SHARE:.0%} of the labels wrong"
RETRAINED = f"{RETRAINED_SHARE:.0%} of the same pictures"


@dataclass
class Results:
    """Counts over all seeds and runs."""

    windows: int = 0
    """Windows without drift."""
    false_alarms: Counter[str] = field(default_factory=Counter)
    """By comparison."""
    found: dict[tuple[str, str], list[int | None]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """Drifted pictures until the alarm in each run, None without; by comparison and drift."""
    deployments: int = 0
    """Number of new models of each kind."""
    deployment_alarms: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """By kind of the new model and metric."""


def alarms(baseline: Baseline, window: Sequence[Observation]) -> set[str]:
    """Return the names of the comparisons that raise an alarm."""
    compared = drift.compare(baseline, window, threshold=THRESHOLD)
    return _with_together({comparison.name for comparison in compared if comparison.ratio > 1})


def _with_together(names: set[str]) -> set[str]:
    return names | {TOGETHER} if names else names


def simulate(pictures: Pictures, *, seeds: Sequence[int], runs: int) -> Results:
    """Train, simulate and count `runs` runs of each seed."""
    described = track(VARIANTS, "Describing the pictures")
    variants = {name: pictures.variant(name) for name in described}
    unseen = Described.of(pictures.unseen)
    results = Results()
    for seed in track(seeds, "Training and simulating"):
        predictions = Predictions.train(pictures.labels, variants, unseen, seed)
        run(results, predictions, runs=runs, rng=np.random.default_rng([seed, 1]))
    return results


def run(results: Results, predictions: Predictions, *, runs: int, rng: np.random.Generator) -> None:
    """Count in `runs` shuffles of the held-out pictures, with a new shuffle for each count."""
    for _ in range(runs):
        _count_false_alarms(results, predictions, Deck(predictions, rng))
        _count_deployments(results, predictions, Deck(predictions, rng))
        for change in DRIFTS:
            _count_found(results, change, predictions, Deck(predictions, rng))


def _count_false_alarms(results: Results, predictions: Predictions, deck: Deck) -> None:
    baseline = predictions.baseline(predictions.good[ORDINARY], deck.baseline)
    for _ in range(2):
        window = [predictions.good[ORDINARY][row] for row in deck.take()]
        results.windows += 1
        results.false_alarms.update(alarms(baseline, window))


def _count_deployments(results: Results, predictions: Predictions, deck: Deck) -> None:
    """Compare the baselines of new models with the old one's, on the same pictures."""
    old = predictions.baseline(predictions.good[ORDINARY], deck.baseline)
    results.deployments += 1
    for kind, observed in (
        (RETRAINED, predictions.retrained),
        (MISLABELLED, predictions.mislabelled),
    ):
        metrics = drift.compare_models(old, predictions.baseline(observed, deck.baseline))
        moved = {metric.name for metric in metrics if metric.ratio > 1}
        results.deployment_alarms[kind].update(_with_together(moved))


def _count_found(results: Results, change: Drift, predictions: Predictions, deck: Deck) -> None:
    baseline = predictions.baseline(predictions.good[ORDINARY], deck.baseline)
    before = [predictions.good[ORDINARY][row] for row in deck.take()]
    stream = [*before, *change.pictures(predictions, deck)]
    first: dict[str, int] = {}
    for drifted in range(STEP, WINDOW + 1, STEP):
        for name in alarms(baseline, drift.window_of(stream[: WINDOW + drifted])):
            first.setdefault(name, drifted)
    for name in (*drift.COMPARISONS, TOGETHER):
        results.found[name, change.name].append(first.get(name))


def table(results: Results) -> Table:
    """Tabulate false alarms and found drifts of each comparison, then the delays of all."""
    result = Table(
        title=f"False alarms in {results.windows:,} windows; drifts found within {WINDOW} pictures "
        f"in {results.windows // 2:,} runs of each"
    )
    result.add_column("comparison", no_wrap=True)
    for heading in ("false alarms in 1,000 windows", *(change.name for change in DRIFTS)):
        result.add_column(heading, justify="right")
    for name in (*drift.COMPARISONS, TOGETHER):
        found = (results.found[name, change.name] for change in DRIFTS)
        rate = f"{1000 * results.false_alarms[name] / results.windows:.2f}"
        result.add_row(name, rate, *(f"{_share(delays):.2%}" for delays in found))
    result.add_section()
    for heading, part in (("median", 0.5), ("9 of 10", 0.9), ("longest", 1.0)):
        found = (results.found[TOGETHER, change.name] for change in DRIFTS)
        result.add_row(
            f"pictures until the alarm, {heading}", "", *(_until(each, part) for each in found)
        )
    return result


def _share(delays: Sequence[int | None]) -> float:
    return sum(delay is not None for delay in delays) / len(delays)


def _until(delays: Sequence[int | None], part: float) -> str:
    """Return the number of pictures within which this part of the runs raised an alarm."""
    ordered = sorted(WINDOW + 1 if delay is None else delay for delay in delays)
    delay = ordered[math.ceil(part * len(ordered)) - 1]
    return str(delay) if delay <= WINDOW else "-"


def new_models(results: Results) -> str:
    """Report how often each kind of new model raised an alarm when it was deployed."""
    lines = [f"New models, alarms in {results.deployments:,} comparisons of baselines:"]
    for kind in (MISLABELLED, RETRAINED):
        counts = results.deployment_alarms[kind]
        shares = (
            f"{name} {counts[name] / results.deployments:.1%}"
            for name in ("MeanConfidence", "Accuracy", TOGETHER)
        )
        lines.append(f"- {kind}: {', '.join(shares)}")
    return "\n".join(lines)


def main() -> None:
    """Measure and print; the exit code does not judge."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.drift",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"Pictures: the CIFAR-100 archive that ${ARCHIVE_VARIABLE} names, else drawn ones.",
    )
    parser.add_argument("--seeds", type=int, default=20, help="default: 20")
    parser.add_argument("--first-seed", type=int, default=0, help="default: 0")
    parser.add_argument("--runs", type=int, default=250, help="runs of each seed (default: 250)")
    arguments = parser.parse_args()
    for name in ("seeds", "runs"):
        if getattr(arguments, name) < 1:
            parser.error(f"--{name} {getattr(arguments, name)}: expected 1 or more")
    archive = os.environ.get(ARCHIVE_VARIABLE)
    try:
        source = from_archive(Path(archive)) if archive else drawing(CLASSES)
        pictures = Pictures.of(source)
    except StagingError as error:
        sys.exit(f"error: {error}")
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    results = simulate(pictures, seeds=seeds, runs=arguments.runs)
    console = Console()
    console.print(table(results))
    console.print(new_models(results), soft_wrap=True)
    console.print(
        f"{len(pictures.known):,} pictures of bicycles and motorcycles ({source.name}), "
        f"{len(pictures.unseen):,} of pickup trucks ({pictures.unseen_origin}); "
        f"seeds {seeds.start} to {seeds.stop - 1}, {arguments.runs} runs each",
        soft_wrap=True,
    )


if __name__ == "__main__":
    main()
