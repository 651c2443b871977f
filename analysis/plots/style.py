"""The style of all plots, and how a plot becomes a slide and a part of the page.

Plots are drawn on `Figure` objects: no global pyplot state, no display needed.
"""

import io
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unicodedata import east_asian_width

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import get_font_names
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.typing import RcKeyType
from numpy.typing import ArrayLike

from analysis.metrics import Floats

WIDTH, HEIGHT, DPI = 16, 9, 100  # of a slide: inches, inches, pixels per inch
PAGE_WIDTH, PAGE_HEIGHT = 9.5, 7  # inches: text of 18 points has 9.4 pixels on a phone's 358
TEXT_SIZE, TITLE_SIZE = 18, 28  # points
LONGEST_NAME = 18  # letters

INK, MUTED, LINE = "#1a1a1a", "#5a5a5a", "#d5d5d5"
# Okabe and Ito's colours, safe for colour-blind readers: https://jfly.uni-koeln.de/color/
ACCEPTED, REJECTED = "#0072b2", "#D55E00"
PAGE_COLOURS = {INK: "ink", MUTED: "muted", LINE: "line", ACCEPTED: "accepted"}
"""Colours that differ on dark paper, with the names of the page's CSS variables."""
CLASS_COLOURS = ("#009E73", "#CC79A7", "#E69F00", "#56B4E9")
OTHERS = "#8C8C8C"

FONTS = (
    "Noto Sans CJK JP",
    "Hiragino Sans",
    "Yu Gothic",
    "Noto Sans CJK SC",
    "PingFang SC",
    "Microsoft YaHei",
    "Apple SD Gothic Neo",
    "Malgun Gothic",
    "Arial Unicode MS",
    "Noto Sans",
)
"""Those of systems, for class names in scripts that matplotlib's own font lacks."""

STYLE: dict[RcKeyType, Any] = {
    "font.size": TEXT_SIZE,
    "legend.fontsize": TEXT_SIZE,
    "svg.fonttype": "none",
    "text.parse_math": False,  # a "$" in a class name is a "$"
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.pad": 10,  # clear of the first label of the other axis
    "ytick.major.pad": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": MUTED,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "date.autoformatter.second": "%H:%M:%S",
    "date.autoformatter.minute": "%H:%M",
    "date.autoformatter.hour": "%H:%M\n%d %b",
    "date.autoformatter.day": "%d %b",
    "date.autoformatter.month": "%b %Y",
}


@dataclass(frozen=True)
class Plot:
    """A plot, with its content in words and numbers for readers who cannot see it."""

    name: str
    """Of the PNG file, without suffix."""
    title: str
    subtitle: str
    alt: str
    """Its content in a sentence or two."""
    table: pd.DataFrame
    """Its content in numbers, formatted."""
    draw: Callable[[Figure], None]
    """Draws all but title and subtitle, in text of `TEXT_SIZE`, into any figure."""
    page_height: float = PAGE_HEIGHT
    """Inches."""


def png(plot: Plot) -> bytes:
    """Return the plot as a slide: a PNG of 1600 x 900 pixels."""
    with _drawing():
        below_title = ConstrainedLayoutEngine(rect=(0.01, 0.01, 0.98, 0.85))
        figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, layout=below_title)
        figure.text(0.02, 0.935, plot.title, fontsize=TITLE_SIZE, fontweight="bold")
        figure.text(0.02, 0.885, plot.subtitle, color=MUTED)
        plot.draw(figure)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
    return buffer.getvalue()


def svg(plot: Plot) -> str:
    """Return the plot as an SVG element for a page that defines `PAGE_COLOURS`.

    The page writes title and subtitle. Ids are unique among all plots.
    """
    with _drawing({"svg.hashsalt": plot.name}):
        figure = Figure(figsize=(PAGE_WIDTH, plot.page_height), layout="constrained")
        plot.draw(figure)
        buffer = io.StringIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    element = buffer.getvalue()
    return re.sub("<[^>]+>", _page_tag, element[element.index("<svg") :])


@contextmanager
def _drawing(more: dict[RcKeyType, Any] | None = None) -> Iterator[None]:
    fonts = ["sans-serif", *(name for name in FONTS if name in get_font_names())]
    with warnings.catch_warnings(), rc_context({**STYLE, "font.family": fonts, **(more or {})}):
        # Without such a font a slide shows boxes. The page has the text itself.
        warnings.filterwarnings("ignore", r"Glyph \d+ .*missing from font")
        yield


def _page_tag(tag: re.Match[str]) -> str:
    """Return a tag in the page's colours, without the ids that groups have in every SVG."""
    text = re.sub('^<g id="[^"]*"', "<g", tag[0])
    for colour, name in PAGE_COLOURS.items():
        text = text.replace(colour, f"var(--{name})")
    return text


def legend(axes: Axes, **options: Any) -> None:
    """Put the legend above the axes, on the right, where it hides nothing."""
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, frameon=False, **options)


def band(axes: Axes, x: ArrayLike, low: Floats, high: Floats, **options: Any) -> None:
    """Shade the area between two lines."""
    style = {"color": ACCEPTED, "alpha": 0.2, "linewidth": 0}
    axes.fill_between(x, low, high, **(style | options))  # type: ignore[arg-type]


def points_with_intervals(
    axes: Axes, x: ArrayLike, value: Floats, low: Floats, high: Floats, *, crowded: bool = False
) -> None:
    """Draw points with vertical bars."""
    axes.errorbar(
        x,
        value,
        yerr=np.clip([value - low, high - value], 0, None),  # may be -1e-17 at 0% and 100%
        fmt="o",
        color=ACCEPTED,
        markersize=7 if crowded else 12,
        elinewidth=1.5 if crowded else 2.5,
        capsize=0 if crowded else 6,
        clip_on=False,
        zorder=3,
    )


def mark(
    axes: Axes, points: Sequence[tuple[float, float]], shape: str, colour: str, label: str
) -> None:
    """Draw points on top of a curve, with a label in the legend."""
    x, y = np.reshape(points, (-1, 2)).T
    size = 20 if shape == "*" else 14
    axes.plot(x, y, shape, color=colour, markersize=size, clip_on=False, zorder=4, label=label)


def class_colours(counts: Sequence[int]) -> dict[int, str]:
    """Return colours for the most frequent classes: more colours would look alike.

    Up to `len(CLASS_COLOURS)` classes have the same colours in every report.
    """
    order = sorted(range(len(counts)), key=lambda index: (-counts[index], index))
    return dict(zip(sorted(order[: len(CLASS_COLOURS)]), CLASS_COLOURS, strict=False))


def short(name: str) -> str:
    """Return a name that fits into a plot: its beginning."""
    return name if _columns(name) <= LONGEST_NAME else f"{_fitting(name, LONGEST_NAME - 1)}…"


def short_names(names: Sequence[str]) -> list[str]:
    """Return names that fit into a plot, all different."""
    for shortened in (short, _ends):
        shown = [shortened(name) for name in names]
        if len(set(shown)) == len(names):
            return shown
    return [short(f"{number}: {name}") for number, name in enumerate(names)]


def _ends(name: str) -> str:
    if _columns(name) <= LONGEST_NAME:
        return name
    half = (LONGEST_NAME - 1) // 2
    return f"{_fitting(name, half)}…{_fitting(name[::-1], half)[::-1]}"


def _fitting(name: str, columns: int) -> str:
    return next(
        name[:length] for length in range(len(name), -1, -1) if _columns(name[:length]) <= columns
    )


def _columns(name: str) -> int:
    """Return the width of a name, in Latin letters."""
    return sum(2 if east_asian_width(each) in "WF" else 1 for each in name)


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: "1 record", "2,000 records"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def percent(value: float) -> str:
    """Return a share with one decimal, such as "63.6%"."""
    return f"{value:.1%}"


def interval(low: float, high: float) -> str:
    """Return an interval of shares, such as "63.6% to 70.1%"."""
    return f"{percent(low)} to {percent(high)}"
