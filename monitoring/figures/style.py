"""What all pictures share: size, colours, text, and how they become PNG files.

Drawn on `Figure` objects: no global pyplot state, no display needed.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.typing import RcKeyType
from numpy.typing import NDArray

WIDTH, HEIGHT, DPI = 16, 9, 100  # inches, inches, pixels an inch
TITLE_SIZE = 28
LONGEST_NAME, LONGEST_PLACE = 18, 80  # characters

Times = NDArray[np.datetime64]


@dataclass(frozen=True)
class Theme:
    """Colours of paper and ink; those of the classes are the same on both papers."""

    paper: str
    ink: str
    muted: str
    grid: str
    accepted: str
    """Of points and curves, lighter on dark paper."""


# Okabe and Ito's colours, told apart by colour-blind readers too: https://jfly.uni-koeln.de/color/
ACCEPTED, REJECTED = "#0072B2", "#D55E00"
CLASS_COLOURS = ("#009E73", "#CC79A7", "#E69F00", "#56B4E9")
OTHERS = "#8C8C8C"

LIGHT = Theme(paper="#FFFFFF", ink="#1A1A1A", muted="#5A5A5A", grid="#E6E6E6", accepted=ACCEPTED)
DARK = Theme(paper="#16181D", ink="#F0F0F0", muted="#B0B0B0", grid="#33363D", accepted="#4AA3DF")


@dataclass(frozen=True)
class Picture:
    """A picture, and what it says in words and numbers for those who cannot see it."""

    name: str
    """Of the PNG file, without its ending."""
    title: str
    alt: str
    """What there is to see, in a sentence or two."""
    table: pd.DataFrame
    """What is drawn, ready to be read."""
    draw: Callable[[Theme], Figure]


def png(picture: Picture, theme: Theme) -> bytes:
    """The picture as a PNG of 1600 x 900 pixels."""
    with rc_context(_style(theme)):
        buffer = io.BytesIO()
        picture.draw(theme).savefig(buffer, format="png", facecolor=theme.paper)
    return buffer.getvalue()


def canvas(title: str, subtitle: str, theme: Theme) -> Figure:
    """An empty slide with its two lines of text on top; axes go below 0.83 of its height."""
    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI)
    figure.text(0.02, 0.935, title, fontsize=TITLE_SIZE, fontweight="bold")
    figure.text(0.02, 0.885, subtitle, color=theme.muted)
    return figure


def plot(title: str, subtitle: str, theme: Theme) -> tuple[Figure, Axes]:
    """A slide with one plot."""
    figure = canvas(title, subtitle, theme)
    return figure, figure.add_axes((0.095, 0.13, 0.79, 0.675))


def legend(axes: Axes, *, columns: int, **options: Any) -> None:
    """Put the legend above the plot, on the right, where it hides nothing."""
    axes.legend(
        loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=columns, frameon=False, **options
    )


def class_colours(counts: Sequence[int]) -> dict[int, str]:
    """Colour by class, for the most frequent of them: more colours than these look alike.

    Up to `len(CLASS_COLOURS)` classes have the same colours in every report.
    """
    order = sorted(range(len(counts)), key=lambda index: (-counts[index], index))
    return dict(zip(sorted(order[: len(CLASS_COLOURS)]), CLASS_COLOURS, strict=False))


def short(name: str) -> str:
    """A name that fits beside a picture."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def ending(place: str) -> str:
    """A path that fits on a slide: its end, which tells most."""
    return place if len(place) <= LONGEST_PLACE else f"…{place[-LONGEST_PLACE + 1 :]}"


def naive(times: pd.Series) -> Times:
    """Times in UTC as matplotlib takes them."""
    values: Times = times.dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
    return values


def counted(count: int, noun: str) -> str:
    """A number with its noun: "1 record", "2,000 records"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def percent(value: float) -> str:
    """A share with one decimal, such as "63.6%"."""
    return f"{value:.1%}"


def _style(theme: Theme) -> dict[RcKeyType, Any]:
    return {
        "font.size": 18,
        "text.parse_math": False,  # a "$" in a class name is a "$"
        "text.color": theme.ink,
        "axes.labelcolor": theme.ink,
        "xtick.color": theme.ink,
        "ytick.color": theme.ink,
        "figure.facecolor": theme.paper,
        "axes.facecolor": theme.paper,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": theme.muted,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": theme.grid,
        "date.autoformatter.second": "%H:%M:%S",
        "date.autoformatter.minute": "%H:%M",
        "date.autoformatter.hour": "%H:%M\n%d %b",
        "date.autoformatter.day": "%d %b",
        "date.autoformatter.month": "%b %Y",
    }
