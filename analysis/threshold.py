"""Find the confidence threshold that costs least, and tell whether the data suffice to say so."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.metrics import LEVEL, Flags, Floats

MARKED = (0.80, 0.90, 0.93, 0.95)
"""Thresholds whose cost is always reported."""

GRID = np.round(np.concatenate([np.arange(0, 0.99, 0.01), np.arange(0.99, 1.0005, 0.001)]), 3)
"""Thresholds to compare: finer near 1, where confidences crowd."""

RESAMPLES = 1000
SEED = 20241015
FEWEST_RECORDS = 200
FEWEST_WRONG = 10


@dataclass(frozen=True)
class Costs:
    """Costs in the same currency."""

    wrong_routing: float = 10.0
    """Of a picture that is accepted but wrong: a driver at the wrong loading bay."""
    hand_check: float = 1.0
    """Of a rejected picture: a person looks at it, and is right."""


@dataclass(frozen=True)
class Interval:
    """A value with its bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Choice:
    """The cost of every threshold for 1,000 pictures like these, and the cheapest threshold."""

    costs: Costs
    thresholds: Floats
    cost: Floats
    cost_low: Floats
    cost_high: Floats
    """One element for each threshold."""
    cheapest: Interval
    """The threshold that costs least."""
    present: float
    """The current threshold."""
    saving: Interval
    """Cost at the current threshold less that at the cheapest, for 1,000 pictures."""
    records: int
    wrong: int

    @property
    def enough(self) -> bool:
        """True if there are enough records, and enough wrong ones, for any statement."""
        return self.records >= FEWEST_RECORDS and self.wrong >= FEWEST_WRONG

    @property
    def change(self) -> bool:
        """True if the cheapest threshold is better than the current one beyond chance.

        It was picked from the same records, which flatters its saving: alone, `saving.low` above
        0 would change a threshold that is already the best for 28% of samples of 200 records of a
        calibrated model. With the second condition it is 8%, and 2% of 1,000 records.
        """
        outside = not self.cheapest.low <= self.present <= self.cheapest.high
        return self.enough and self.saving.low > 0 and outside

    def at(self, threshold: float) -> Interval:
        """Return the cost at one of `thresholds`."""
        (index,) = np.flatnonzero(self.thresholds == threshold)
        return Interval(
            float(self.cost[index]), float(self.cost_low[index]), float(self.cost_high[index])
        )


def choose(
    confidence: Floats,
    correct: Flags,
    *,
    present: float,
    costs: Costs,
    weights: Floats | None = None,
) -> Choice:
    """Compare thresholds on labelled records.

    A confidence at or above the threshold is accepted, which costs `costs.wrong_routing` if it is
    wrong; any other costs `costs.hand_check`. Intervals are percentiles over `RESAMPLES` bootstrap
    samples of the records, seeded so that the same data lead to the same answer.

    Raises:
        ValueError: there are no records.
    """
    if not correct.size:
        raise ValueError("there are no labelled records, so there is nothing to compare")
    weight = np.ones(correct.size) if weights is None else weights
    grid = np.union1d(GRID, [*MARKED, present])
    # A record is accepted at the first `cell` thresholds and rejected at the others, so records
    # with the same cell, verdict and weight are alike: resampling their counts is resampling them.
    cell = np.searchsorted(grid, confidence, side="right")
    kinds, counts = np.unique(np.stack([cell, ~correct, weight]), axis=1, return_counts=True)
    accepted = np.arange(grid.size) < kinds[0][:, np.newaxis]
    of_accepted = costs.wrong_routing * kinds[1][:, np.newaxis]
    cost_of_kind = kinds[2][:, np.newaxis] * np.where(accepted, of_accepted, costs.hand_check)

    def total(counts: NDArray[np.int64]) -> Floats:
        return np.asarray(1000 * (counts @ cost_of_kind) / (counts @ kinds[2]))

    cost = total(counts)
    random = np.random.default_rng(SEED)
    shares = counts / counts.sum()
    resampled = np.stack(
        [total(random.multinomial(correct.size, shares)) for _ in range(RESAMPLES)]
    )
    picked = np.array([grid[_cheapest(row, grid, present)] for row in resampled])
    best, now = _cheapest(cost, grid, present), int(np.flatnonzero(grid == present)[0])
    low, high = _bounds(resampled)
    return Choice(
        costs=costs,
        thresholds=grid,
        cost=cost,
        cost_low=low,
        cost_high=high,
        cheapest=Interval(float(grid[best]), *map(float, _bounds(picked))),
        present=present,
        saving=Interval(
            float(cost[now] - cost[best]),
            *map(float, _bounds(resampled[:, now] - resampled[:, best])),
        ),
        records=correct.size,
        wrong=int((~correct).sum()),
    )


def _cheapest(cost: Floats, grid: Floats, present: float) -> int:
    """Return the current threshold if no other is cheaper, else the middle of the widest run."""
    ties = np.flatnonzero(np.isclose(cost, cost.min(), rtol=1e-9, atol=1e-9))
    if present in grid[ties]:
        return int(np.flatnonzero(grid == present)[0])
    runs = np.split(ties, np.flatnonzero(np.diff(ties) > 1) + 1)
    widest = max(runs, key=lambda run: float(grid[run[-1]] - grid[run[0]]))
    return int(widest[len(widest) // 2])


def _bounds(resampled: Floats) -> tuple[Floats, Floats]:
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return low, high
