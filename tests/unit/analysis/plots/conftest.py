"""Predictions to draw, without captures behind them."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

START = pd.Timestamp("2025-11-20T23:59:58", tz="UTC")

Predictions = Callable[..., pd.DataFrame]


@pytest.fixture(scope="session")
def predictions() -> Predictions:
    """Make the columns of a records' frame that plots are drawn from."""

    def make(
        count: int,
        *,
        seconds: int = 3 * 3600,
        classes: int = 2,
        sure: bool = False,
        highest: float = 1,
    ) -> pd.DataFrame:
        random = np.random.default_rng(1)
        best = random.integers(0, classes, count)
        confidence = np.ones(count) if sure else random.uniform(0.5, highest, count)
        right = random.random(count) < confidence
        after = np.sort(random.integers(0, seconds + 1, count))
        return pd.DataFrame(
            {
                "time": START + pd.to_timedelta(after, unit="s"),
                "best_class": pd.array(best, dtype="Int16"),
                "confidence": confidence,
                "true_class": pd.array(np.where(right, best, (best + 1) % classes), dtype="Int16"),
            }
        )

    return make
