"""Confidence over time, against the threshold."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from analysis.metrics import Floats
from analysis.plots import time_axis
from analysis.plots.style import ACCEPTED, INK, REJECTED, Plot, band, counted, legend, percent
from analysis.plots.time_axis import Step, Times, naive, starts, step_for

MOST_POINTS = 3000
"""More captures hide each other, so that bands show their distribution instead."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

# Different in shape and filling as well as in colour.
ACCEPTED_STYLE: dict[str, Any] = {"marker": "o", "color": ACCEPTED, "alpha": 0.6, "linewidths": 0}
REJECTED_STYLE: dict[str, Any] = {
    "marker": "D",
    "facecolors": "none",
    "edgecolors": REJECTED,
    "linewidths": 1.5,
}
SMALLEST_MARKER, LARGEST_MARKER = 10, 110  # square points


def plot(seen: pd.DataFrame, *, threshold: float) -> Plot:
    """Plot one point per capture, or, of many captures, bands that contain half and 90% of them.

    `seen` holds at least one capture, all with a confidence.
    """
    step = step_for(seen["time"])
    bins = seen.groupby(starts(seen["time"], step))["confidence"]
    quantiles = bins.quantile(list(QUANTILES)).unstack()
    values = seen["confidence"].to_numpy()
    times = naive(seen["time"])
    many = len(seen) > MOST_POINTS

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        if many:
            _draw_bands(axes, quantiles, times, step)
        else:
            _draw_points(axes, times, values, threshold)
        name = f"threshold: {threshold:g}"
        axes.axhline(threshold, color=INK, linestyle="--", linewidth=2, label=name)
        legend(axes)
        bottom = max(0.0, np.floor((min(values.min(), threshold) - 0.01) * 20) / 20)
        axes.set_ylim(bottom, 1.0)
        axes.yaxis.set_major_locator(MultipleLocator(0.1 if bottom < 0.5 else 0.05))
        axes.set_ylabel("confidence of the best class")
        time_axis.scale(axes, times.min(), times.max())

    columns = {
        f"{step.name} from (UTC)": time_axis.moments(quantiles.index),
        "captures": [f"{count:,}" for count in bins.size()],
        "lowest": [f"{value:.3f}" for value in bins.min()],
    }
    for quantile in QUANTILES:
        name = "median" if quantile == 0.5 else f"{quantile:.0%} are below"
        columns[name] = [f"{value:.3f}" for value in quantiles[quantile]]
    alt = (
        f"{counted(len(seen), 'prediction')} over time; {percent((values >= threshold).mean())} of "
        f"them at or above the threshold of {threshold:g}. The median confidence is "
        f"{np.median(values):.3f}, the lowest {values.min():.3f}."
    )
    subtitle = f"captures: {len(seen):,}{f', by {step.name}' if many else ''}"
    title = "Confidence over time"
    return Plot("confidence-over-time", title, subtitle, alt, pd.DataFrame(columns), draw)


def _draw_points(axes: Axes, times: Times, values: Floats, threshold: float) -> None:
    area = float(np.clip(40_000 / values.size, SMALLEST_MARKER, LARGEST_MARKER))
    accepts = values >= threshold
    for name, chosen, style in (
        ("accepted", accepts, ACCEPTED_STYLE),
        ("rejected", ~accepts, REJECTED_STYLE),
    ):
        axes.scatter(times[chosen], values[chosen], s=area, clip_on=False, zorder=3, **style)
        label = f"{name}: {chosen.sum():,} ({percent(chosen.mean())})"
        axes.scatter([], [], s=LARGEST_MARKER, label=label, **style)


def _draw_bands(axes: Axes, quantiles: pd.DataFrame, times: Times, step: Step) -> None:
    """Draw steps, not lines: nothing is known between bins, and there may be only one."""
    first, last = quantiles.index[0], quantiles.index[-1]
    every = pd.date_range(first, last + step.width, freq=step.width)
    # Bins without captures stay empty; the last edge ends the last bin.
    quantiles = quantiles.reindex(every)
    quantiles.iloc[-1] = quantiles.iloc[-2]
    edges = naive(every.to_series()).clip(times.min(), times.max() + time_axis.SECOND)
    line = {quantile: quantiles[quantile].to_numpy() for quantile in QUANTILES}
    for low, high, alpha, label in (
        (0.05, 0.95, 0.25, "90% of the captures"),
        (0.25, 0.75, 0.55, "half of them"),
    ):
        band(axes, edges, line[low], line[high], step="post", alpha=alpha, label=label)
    axes.step(edges, line[0.5], where="post", color=REJECTED, linewidth=3, label="median")
