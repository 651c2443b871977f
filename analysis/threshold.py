"""Which confidence threshold costs least, and whether the data can tell."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.metrics import LEVEL, Flags, Floats

MARKED = (0.80, 0.90, 0.93, 0.95)
"""Thresholds whose cost is always told."""

GRID = np.round(np.concatenate([np.arange(0, 0.99, 0.01), np.arange(0.99, 1.0005, 0.001)]), 3)
"""Thresholds that are compared: finer near 1, where confidences crowd."""

RESAMPLES = 1000
SEED = 20241015
FEWEST_RECORDS = 200
FEWEST_WRONG = 10


@dataclass(frozen=True)
class Costs:
    """What two things cost, in any one currency."""

    wrong_routing: float = 10.0
    """A picture that was accepted and is wrong: a driver at the wrong loading bay."""
    hand_check: float = 1.0
    """A picture that was rejected: somebody looks at it, and gets it right."""


@dataclass(frozen=True)
class Interval:
    """A figure with the interval that resampling gives it."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Choice:
    """The cost of every threshold for 1,000 pictures like these, and the cheapest."""

    costs: Costs
    thresholds: Floats
    cost: Floats
    """For each threshold."""
    cost_low: Floats
    cost_high: Floats
    cheapest: Interval
    """The threshold that costs least."""
    present: float
    """The threshold that is set now."""
    saving: Interval
    """Cost of the present threshold less that of the cheapest, for 1,000 pictures."""
    records: int
    wrong: int
    """Records whose best class is wrong, accepted or not."""

    @property
    def enough(self) -> bool:
        """Whether there are records enough, and wrong ones among them, to say anything."""
        return self.records >= FEWEST_RECORDS and self.wrong >= FEWEST_WRONG

    @property
    def change(self) -> bool:
        """Whether the cheapest threshold is better than the present one beyond chance.

        It was picked from the same records, which flatters its saving: alone, `saving.low` above
        0 would change a threshold that is the best one already for 28% of samples of 200 records
        of a calibrated model. With the second condition it is 8%, and 2% of 1,000 records.
        """
        outside = not self.cheapest.low <= self.present <= self.cheapest.high
        return self.enough and self.saving.low > 0 and outside

    def at(self, threshold: float) -> Interval:
        """Cost of a threshold that was compared."""
        (index,) = np.flatnonzero(self.thresholds == threshold)
        return Interval(
            float(self.cost[index]), float(self.cost_low[index]), float(self.cost_high[index])
        )


def choose(
    confidence: Floats,
    right: Flags,
    *,
    present: float,
    costs: Costs,
    weights: Floats | None = None,
) -> Choice:
    """Compare thresholds on records whose truth is known.

    A confidence at or above the threshold is accepted, which costs `costs.wrong_routing` where it
    is wrong; any other costs `costs.hand_check`. Intervals are percentiles over `RESAMPLES`
    bootstrap samples of the records (seeded, so that the same data has the same answer).

    Raises:
        ValueError: there are no records.
    """
    if not right.size:
        raise ValueError("no record has a known truth, so there is nothing to compare")
    weight = np.ones(right.size) if weights is None else weights
    grid = np.union1d(GRID, [*MARKED, present])
    # A record is accepted at the first `cell` thresholds and rejected at the others, so records
    # of one cell, verdict and weight are alike: resampling their counts is resampling them.
    cell = np.searchsorted(grid, confidence, side="right")
    kinds, counts = np.unique(np.stack([cell, ~right, weight]), axis=1, return_counts=True)
    table = _Kinds(kinds[0].astype(np.int64), kinds[1], kinds[2], grid.size)

    cost = table.cost(counts, costs)
    random = np.random.default_rng(SEED)
    shares = counts / counts.sum()
    resampled = np.stack(
        [table.cost(random.multinomial(right.size, shares), costs) for _ in range(RESAMPLES)]
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
        cheapest=_interval(grid[best], picked),
        present=present,
        saving=_interval(cost[now] - cost[best], resampled[:, now] - resampled[:, best]),
        records=right.size,
        wrong=int((~right).sum()),
    )


@dataclass(frozen=True)
class _Kinds:
    cell: NDArray[np.int64]
    wrong: Floats
    weight: Floats
    thresholds: int

    def cost(self, counts: NDArray[np.int64], costs: Costs) -> Floats:
        """For 1,000 pictures, at each threshold."""
        size = self.thresholds + 1
        mass = counts * self.weight
        all_of = np.bincount(self.cell, mass, size)
        wrong = np.bincount(self.cell, mass * self.wrong, size)
        rejected = np.cumsum(all_of)[:-1]
        accepted_wrong = wrong.sum() - np.cumsum(wrong)[:-1]
        total = costs.wrong_routing * accepted_wrong + costs.hand_check * rejected
        return np.asarray(1000 * total / mass.sum())


def _cheapest(cost: Floats, grid: Floats, present: float) -> int:
    """Of equally cheap thresholds the present one, or else the middle of the widest run."""
    ties = np.flatnonzero(np.isclose(cost, cost.min(), rtol=1e-9, atol=1e-9))
    if present in grid[ties]:
        return int(np.flatnonzero(grid == present)[0])
    runs = np.split(ties, np.flatnonzero(np.diff(ties) > 1) + 1)
    widest = max(runs, key=lambda run: float(grid[run[-1]] - grid[run[0]]))
    return int(widest[len(widest) // 2])


def _bounds(resampled: Floats) -> tuple[Floats, Floats]:
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return low, high


def _interval(value: float, resampled: Floats) -> Interval:
    low, high = _bounds(resampled)
    return Interval(float(value), float(low), float(high))
