"""Confidence of the best class over time, against the threshold."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator
from numpy.typing import NDArray

from analysis.plots import time_axis
from analysis.plots.style import (
    ACCEPTED,
    INK,
    REJECTED,
    Picture,
    Times,
    counted,
    ending,
    legend,
    naive,
    percent,
)
from analysis.timeline import Step, starts, step_for

TITLE = "Confidence over time"
MOST_POINTS = 3000
"""More captures hide each other: from there on the picture shows how they are distributed."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

# Told apart by shape and filling too.
ACCEPTED_STYLE: dict[str, Any] = {
    "marker": "o",
    "color": ACCEPTED,
    "alpha": 0.6,
    "linewidths": 0,
}
REJECTED_STYLE: dict[str, Any] = {
    "marker": "D",
    "facecolors": "none",
    "edgecolors": REJECTED,
    "linewidths": 1.5,
}
SMALLEST_MARKER, LARGEST_MARKER = 10, 110  # square points


def picture(seen: pd.DataFrame, *, threshold: float, source: str) -> Picture:
    """Draw one point a capture, or, of many captures, bands that hold half and 90% of them.

    Args:
        seen: captures with a confidence, at least one.
        threshold: at or above it the workflow accepts.
        source: where the captures came from; goes into the subtitle.
    """
    step = step_for(seen["time"])
    table = _table(seen, step)
    accepted = int((seen["confidence"] >= threshold).sum())
    times = naive(seen["time"])
    spread = time_axis.spread_within_second(times)
    many = len(seen) > MOST_POINTS

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        if many:
            _draw_bands(axes, seen, step)
        else:
            _draw_points(axes, spread, seen["confidence"].to_numpy(), threshold)
        name = f"threshold: {threshold:g}"
        axes.axhline(threshold, color=INK, linestyle="--", linewidth=2, label=name)
        legend(axes)
        _scale_confidence(axes, min(float(seen["confidence"].min()), threshold))
        time_axis.scale(axes, times.min(), times.max())

    alt = (
        f"{counted(len(seen), 'prediction')} over time; {percent(accepted / len(seen))} of them "
        f"at or above the threshold of {threshold:g}. The median confidence is "
        f"{seen['confidence'].median():.3f}, the lowest {seen['confidence'].min():.3f}."
    )
    subtitle = f"captures: {len(seen):,}"
    if many:
        subtitle += f", by {step.name}"
    elif (spread != times).any():
        subtitle += ", those of one second side by side"
    subtitle += f"  ·  {ending(source)}"
    return Picture("confidence-over-time", TITLE, subtitle, alt, table, draw)


def _table(seen: pd.DataFrame, step: Step) -> pd.DataFrame:
    bins = seen.groupby(starts(seen["time"], step))["confidence"]
    quantiles = bins.quantile(list(QUANTILES)).unstack()
    columns = {f"{step.name} from (UTC)": time_axis.moments(quantiles.index)}
    columns["captures"] = [f"{count:,}" for count in bins.size()]
    columns["lowest"] = [f"{value:.3f}" for value in bins.min()]
    for quantile in QUANTILES:
        name = "median" if quantile == 0.5 else f"{quantile:.0%} are below"
        columns[name] = [f"{value:.3f}" for value in quantiles[quantile]]
    return pd.DataFrame(columns)


def _draw_points(axes: Axes, times: Times, values: NDArray[np.float64], threshold: float) -> None:
    area = float(np.clip(40_000 / values.size, SMALLEST_MARKER, LARGEST_MARKER))
    accepts = values >= threshold
    for name, chosen, style in (
        ("accepted", accepts, ACCEPTED_STYLE),
        ("rejected", ~accepts, REJECTED_STYLE),
    ):
        axes.scatter(times[chosen], values[chosen], s=area, clip_on=False, zorder=3, **style)
        count = int(chosen.sum())
        label = f"{name}: {count:,} ({percent(count / values.size)})"
        axes.scatter([], [], s=LARGEST_MARKER, label=label, **style)


def _draw_bands(axes: Axes, seen: pd.DataFrame, step: Step) -> None:
    """Steps, not lines: between two bins nothing is known, and one bin is a picture, too."""
    bins = seen.groupby(starts(seen["time"], step))["confidence"]
    every = pd.date_range(
        bins.size().index.min(), bins.size().index.max() + step.width, freq=step.width
    )
    # Bins without captures stay empty; the last edge ends the last bin.
    quantiles = bins.quantile(list(QUANTILES)).unstack().reindex(every)
    quantiles.iloc[-1] = quantiles.iloc[-2]
    edges = naive(every.to_series()).clip(
        naive(seen["time"]).min(), naive(seen["time"]).max() + time_axis.SECOND
    )
    for low, high, alpha, label in (
        (0.05, 0.95, 0.25, "90% of the captures"),
        (0.25, 0.75, 0.55, "half of them"),
    ):
        axes.fill_between(
            edges,
            quantiles[low].to_numpy(),
            quantiles[high].to_numpy(),
            step="post",
            color=ACCEPTED,
            alpha=alpha,
            linewidth=0,
            label=label,
        )
    axes.step(
        edges, quantiles[0.5].to_numpy(), where="post", color=REJECTED, linewidth=3, label="median"
    )


def _scale_confidence(axes: Axes, lowest: float) -> None:
    bottom = max(0.0, np.floor((lowest - 0.01) * 20) / 20)
    axes.set_ylim(bottom, 1.0)
    axes.yaxis.set_major_locator(MultipleLocator(0.1 if bottom < 0.5 else 0.05))
    axes.set_ylabel("confidence of the best class")
