"""How soon the drift detector finds what, and how often it errs: `python -m benchmarks.drift`.

Each seed trains models of the local algorithm with 30% of the pictures. Each run of a seed
shuffles the others into a baseline, as of validation pictures, and traffic: 200 pictures as they
should be, then 200 drifted ones, with a look at the latest 200 after every 25. No picture is in
two of these parts; the runs of a seed share its models and its pictures. False alarms are counted
over two windows a run, which do not overlap. The statistics are those that are deployed
(lambda_src/drift_detector); their limits are formulas, nothing here is fitted to the result.
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
    Fleet,
    Pictures,
)
from lambda_src.drift_detector import drift
from lambda_src.drift_detector.baseline import Baseline, Observation
from lambda_src.drift_detector.drift import WINDOW
from training.errors import StagingError
from training.source import ARCHIVE_VARIABLE, Source, drawing, from_archive

AIM_FALSE_ALARMS = 1.0  # a thousand windows
TOGETHER = "all together"
RETRAINED, MISLABELLED = "retrained", "mislabelled"
MODEL_FIGURES = ("MeanConfidence", "Accuracy")


@dataclass
class Results:
    """Counts over all seeds and runs."""

    windows: int = 0
    """Without drift."""
    false_alarms: Counter[str] = field(default_factory=Counter)
    """By detector."""
    found: dict[tuple[str, str], list[int | None]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """By detector and drift, for each run: drifted pictures until the alarm; None: no alarm."""
    deployments: int = 0
    """New models of each kind."""
    deployment_alarms: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By figure and kind of the new model."""

    def false_alarm_rate(self, detector: str) -> float:
        """Alarms in a thousand windows."""
        return 1000 * self.false_alarms[detector] / self.windows


def alarms(baseline: Baseline, window: Sequence[Observation]) -> set[str]:
    """Return the names of the comparisons that find the window moved, and of all together."""
    compared = drift.compare(baseline, window, threshold=THRESHOLD)
    moved = {comparison.name for comparison in compared if comparison.ratio > 1}
    return moved | ({TOGETHER} if moved else set())


def simulate(
    pictures: Pictures, *, seeds: Sequence[int], runs: int, show_progress: bool = True
) -> Results:
    """Train, run and count; each seed has `runs` runs."""
    variants = {
        name: pictures.variant(name)
        for name in track(VARIANTS, "Describing the pictures", disable=not show_progress)
    }
    unseen = Described.of(pictures.unseen)
    results = Results()
    for seed in track(seeds, "Training and simulating", disable=not show_progress):
        fleet = Fleet.train(pictures.labels, variants, unseen, seed)
        run(results, fleet, runs=runs, rng=np.random.default_rng([seed, 1]))
    return results


def run(results: Results, fleet: Fleet, *, runs: int, rng: np.random.Generator) -> None:
    """Count in `runs` shuffles of the held-out pictures, for each kind of count a shuffle."""
    for _ in range(runs):
        _count_false_alarms(results, fleet, Deck(fleet, rng))
        _count_deployments(results, fleet, Deck(fleet, rng))
        for change in DRIFTS:
            _count_found(results, change, fleet, Deck(fleet, rng))


def _count_false_alarms(results: Results, fleet: Fleet, deck: Deck) -> None:
    baseline = fleet.baseline(fleet.good[ORDINARY], deck.baseline)
    for _ in range(2):
        window = [fleet.good[ORDINARY][row] for row in deck.take()]
        results.windows += 1
        results.false_alarms.update(alarms(baseline, window))


def _count_deployments(results: Results, fleet: Fleet, deck: Deck) -> None:
    """A new model's baseline beside the old one's, of the same validation pictures."""
    old = fleet.baseline(fleet.good[ORDINARY], deck.baseline)
    results.deployments += 1
    for kind, observed in ((RETRAINED, fleet.retrained), (MISLABELLED, fleet.mislabelled)):
        figures = drift.compare_models(old, fleet.baseline(observed, deck.baseline))
        moved = {figure.name for figure in figures if figure.ratio > 1}
        for name in moved | ({TOGETHER} if moved else set()):
            results.deployment_alarms[name, kind] += 1


def _count_found(results: Results, change: Drift, fleet: Fleet, deck: Deck) -> None:
    baseline = fleet.baseline(fleet.good[ORDINARY], deck.baseline)
    before = [fleet.good[ORDINARY][row] for row in deck.take()]
    stream = [*before, *change.pictures(fleet, deck)]
    first: dict[str, int] = {}
    for drifted in range(STEP, WINDOW + 1, STEP):
        for name in alarms(baseline, drift.window_of(stream[: WINDOW + drifted])):
            first.setdefault(name, drifted)
    for name in (*drift.COMPARISONS, TOGETHER):
        results.found[name, change.name].append(first.get(name))


def figures_table(results: Results) -> Table:
    """A row for each detector: false alarms, then delay and share found of each drift."""
    table = Table(
        title=f"False alarms in {results.windows:,} windows; median of the pictures until the "
        f"alarm and share found within {WINDOW}, in {results.windows // 2:,} runs of each drift"
    )
    table.add_column("detector", no_wrap=True)
    table.add_column("false alarms in 1,000", justify="right")
    for change in DRIFTS:
        table.add_column(change.name, justify="right")
    for names in (drift.COMPARISONS, (TOGETHER,)):
        for name in names:
            found = [results.found[name, change.name] for change in DRIFTS]
            cells = [f"{_until(records, 0.5)}\n{_share(records):.0%}" for records in found]
            rate = f"{results.false_alarm_rate(name):.2f}"
            table.add_row(name, rate, *cells, end_section=name == names[-1])
    return table


def drifts_table(results: Results) -> Table:
    """A row for each drift, and what the deployed detectors together make of it."""
    table = Table(title=f"Pictures until the alarm, {TOGETHER}")
    table.add_column("drift")
    for heading in ("median", "9 of 10", "longest", "found", "reached"):
        table.add_column(heading, justify="right")
    for change in DRIFTS:
        found = results.found[TOGETHER, change.name]
        delays = [_until(found, part) for part in (0.5, 0.9, 1.0)]
        share = _share(found)
        table.add_row(change.meaning, *delays, f"{share:.2%}", _yes(share == 1))
    share = results.deployment_alarms[TOGETHER, MISLABELLED] / results.deployments
    at_deployment = ["0" if part <= share else "-" for part in (0.5, 0.9, 1.0)]
    meaning = f"{FLIPPED_SHARE:.0%} of the labels wrong (seen at the deployment)"
    table.add_row(meaning, *at_deployment, f"{share:.2%}", _yes(share == 1))
    return table


def _share(found: Sequence[int | None]) -> float:
    return sum(records is not None for records in found) / len(found)


def _until(found: Sequence[int | None], part: float) -> str:
    """Pictures within which this part of the runs alarmed."""
    ordered = sorted(WINDOW + 1 if records is None else records for records in found)
    records = ordered[math.ceil(part * len(ordered)) - 1]
    return str(records) if records <= WINDOW else "-"


def deployments_table(results: Results) -> Table:
    """What a new model's baseline shows of it, beside the old one's."""
    table = Table(title=f"New models, alarms in {results.deployments:,} comparisons of baselines")
    table.add_column("figure")
    table.add_column(f"{FLIPPED_SHARE:.0%} of the labels wrong", justify="right")
    table.add_column(f"{RETRAINED_SHARE:.0%} of the same pictures", justify="right")
    for name in (*MODEL_FIGURES, TOGETHER):
        counts = [results.deployment_alarms[name, kind] for kind in (MISLABELLED, RETRAINED)]
        table.add_row(name, *(f"{count / results.deployments:.1%}" for count in counts))
    return table


def _yes(reached: bool) -> str:
    return "yes" if reached else "NO"


def _source(archive: str | None) -> Source:
    return from_archive(Path(archive)) if archive else drawing(("bicycle", "motorcycle"))


def main() -> None:
    """Measure and print; the exit code does not judge."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.drift",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--archive", help=f"CIFAR-100 (default: ${ARCHIVE_VARIABLE}, else drawn)")
    parser.add_argument("--seeds", type=int, default=20, help="default: 20")
    parser.add_argument("--first-seed", type=int, default=0, help="default: 0")
    parser.add_argument("--runs", type=int, default=250, help="runs of each seed (default: 250)")
    arguments = parser.parse_args()
    for name in ("seeds", "runs"):
        if getattr(arguments, name) < 1:
            parser.error(f"--{name} {getattr(arguments, name)}: expected 1 or more")
    console = Console()
    try:
        source = _source(arguments.archive or os.environ.get(ARCHIVE_VARIABLE))
        pictures = Pictures.of(source)
    except StagingError as error:
        sys.exit(f"error: {error}")
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    results = simulate(pictures, seeds=seeds, runs=arguments.runs)
    console.print(figures_table(results))
    console.print(drifts_table(results))
    console.print(deployments_table(results))
    console.print(
        f"{len(pictures.known):,} pictures of bicycles and motorcycles ({source.name}), "
        f"{len(pictures.unseen):,} of pickup trucks ({pictures.unseen_origin}); "
        f"seeds {seeds.start} to {seeds.stop - 1}, {arguments.runs} runs each"
    )
    rate = results.false_alarm_rate(TOGETHER)
    console.print(
        f"aims: {AIM_FALSE_ALARMS:.0f} false alarm in 1,000 windows at most, {TOGETHER}: "
        f"{rate:.2f}, reached: {_yes(rate <= AIM_FALSE_ALARMS)}; every drift within {WINDOW} "
        "pictures: see the column"
    )


if __name__ == "__main__":
    main()
