"""Pictures of captured predictions, for slides and reports.

Drawn on `Figure` objects: no global pyplot state, no display needed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator
from matplotlib.typing import RcKeyType
from numpy.typing import NDArray

from monitoring.captures import Capture

WIDTH, HEIGHT, DPI = 16, 9, 100  # inches, inches, pixels an inch

# Okabe and Ito's colours, told apart by colour-blind readers too: https://jfly.uni-koeln.de/color/
BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "#5A5A5A"

STYLE: dict[RcKeyType, Any] = {
    "font.size": 18,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "grid.color": "#E6E6E6",
    "date.autoformatter.second": "%H:%M:%S",
    "date.autoformatter.minute": "%H:%M",
    "date.autoformatter.hour": "%H:%M\n%d %b",
    "date.autoformatter.day": "%d %b",
    "date.autoformatter.month": "%b %Y",
}

# Told apart by shape and filling too.
ACCEPTED_STYLE: dict[str, Any] = {"marker": "o", "color": BLUE, "alpha": 0.6, "linewidths": 0}
REJECTED_STYLE: dict[str, Any] = {"marker": "D", "facecolors": "none", "edgecolors": VERMILION}
SMALLEST_MARKER, LARGEST_MARKER = 10, 110  # square points

SECOND = np.timedelta64(1_000_000, "us")
Times = NDArray[np.datetime64]


@dataclass(frozen=True)
class Confidences:
    """What captures say of the best class, in the order of the captures."""

    times: Times
    """UTC, microseconds."""
    values: NDArray[np.float64]
    """0 to 1, one for each time."""
    threshold: float
    without_output: int
    """Captures that hold no probabilities, so that there is nothing to compare."""

    @property
    def records(self) -> int:
        """Number of captures, with or without output."""
        return self.values.size + self.without_output

    @property
    def accepted(self) -> NDArray[np.bool_]:
        """True where the workflow accepts: at or above the threshold (filter_confidence's rule)."""
        return self.values >= self.threshold


def confidences(records: Iterable[Capture], *, threshold: float) -> Confidences:
    """Reduce captures to time and confidence: 16 bytes a record."""
    times, values, without_output = [], [], 0
    for record in records:
        if record.confidence is None:
            without_output += 1
        else:
            times.append(np.datetime64(record.time.replace(tzinfo=None), "us"))
            values.append(record.confidence)
    return Confidences(
        np.array(times, dtype="datetime64[us]"), np.array(values), threshold, without_output
    )


def confidence_over_time(data: Confidences, *, path: Path, title: str, source: str) -> None:
    """Draw the confidence of the best class over time, as a PNG of 1600 x 900 pixels.

    Args:
        data: what `confidences` gives; it may be empty.
        path: the PNG to write; its folder is made if need be.
        title: first line, e.g. the endpoint's name.
        source: where the pictures came from, e.g. "real CIFAR-100 pictures"; second line.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI)
        axes = figure.add_axes((0.07, 0.125, 0.82, 0.685))
        figure.text(0.02, 0.935, title, fontsize=28, fontweight="bold")
        figure.text(0.02, 0.885, _subtitle(data, source), color=GREY)
        if data.values.size:
            _draw(axes, data)
        else:
            axes.set_axis_off()
            axes.text(0.5, 0.5, "No captured confidence to show", fontsize=28, ha="center")
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, facecolor="white")


def _subtitle(data: Confidences, source: str) -> str:
    missing = data.without_output
    note = f" ({missing:,} without output, not drawn)" if missing else ""
    return f"Source: {source}  ·  captures: {data.records:,}{note}"


def _draw(axes: Axes, data: Confidences) -> None:
    spread = spread_within_second(data.times)
    area = float(np.clip(40_000 / data.values.size, SMALLEST_MARKER, LARGEST_MARKER))
    for name, chosen, style in (
        ("accepted", data.accepted, ACCEPTED_STYLE),
        ("rejected", ~data.accepted, REJECTED_STYLE),
    ):
        axes.scatter(spread[chosen], data.values[chosen], s=area, clip_on=False, zorder=3, **style)
        count = int(chosen.sum())
        label = f"{name}: {count:,} ({count / data.values.size:.1%})"
        axes.scatter([], [], s=LARGEST_MARKER, label=label, **style)
    _draw_threshold(axes, data.threshold)
    _scale_confidence(axes, min(float(data.values.min()), data.threshold))
    note = "; those of one second are drawn side by side" if (spread != data.times).any() else ""
    _scale_time(axes, data.times.min(), data.times.max(), note)
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, frameon=False)


def spread_within_second(times: Times) -> Times:
    """Times for drawing: captures of one second side by side, in their order, instead of stacked.

    SageMaker writes whole seconds, so that 50 captures a second would hide behind each other.
    """
    if (times != times.astype("datetime64[s]")).any():
        return times
    _, group, sizes = np.unique(times, return_inverse=True, return_counts=True)
    order = np.argsort(group, kind="stable")
    rank = np.empty(times.size, dtype=np.int64)
    rank[order] = np.arange(times.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    spread: Times = times + rank / sizes[group] * SECOND
    return spread


def _draw_threshold(axes: Axes, threshold: float) -> None:
    axes.axhline(threshold, color="black", linestyle="--", linewidth=2)
    axes.annotate(
        f"threshold\n{threshold:g}",
        (1.0, threshold),
        xycoords=("axes fraction", "data"),
        xytext=(12, 0),
        textcoords="offset points",
        va="center",
    )


def _scale_confidence(axes: Axes, lowest: float) -> None:
    bottom = max(0.0, np.floor((lowest - 0.01) * 20) / 20)
    axes.set_ylim(bottom, 1.0)
    axes.yaxis.set_major_locator(MultipleLocator(0.1 if bottom < 0.5 else 0.05))
    axes.set_ylabel("confidence of the best class")


def _scale_time(axes: Axes, first: np.datetime64, last: np.datetime64, note: str) -> None:
    start = first.astype("datetime64[s]")
    end = last.astype("datetime64[s]") + SECOND
    # Below six seconds matplotlib puts its ticks at fractions of a second.
    margin = max((end - start) / 50, (6 * SECOND - (end - start)) / 2)
    axes.set(xlim=(start - margin, end + margin))
    days = " to ".join(dict.fromkeys(f"{day:%d %b %Y}" for day in (first.item(), last.item())))
    axes.set_xlabel(f"time of the prediction (UTC), {days}{note}")
